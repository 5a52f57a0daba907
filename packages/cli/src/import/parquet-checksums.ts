import { crc32 } from 'node:zlib'
import type { AsyncBuffer, ColumnMetaData, PageHeader, RowGroup } from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'
import { badInput } from '../input-error.ts'

/**
 * Compares the pages of a row group with the checksums in their headers. Throws `BAD_INPUT` if one differs. Most writers
 * write no checksums. Damage of the headers is found when the values are read.
 */
export async function checkPages(buffer: AsyncBuffer, group: RowGroup): Promise<void> {
  for (const { meta_data: meta } of group.columns) {
    if (meta !== undefined) await checkColumn(buffer, meta)
  }
}

async function checkColumn(buffer: AsyncBuffer, meta: ColumnMetaData): Promise<void> {
  // An offset of 0 means that the column has no dictionary: the file begins with its magic number.
  const start = Number(meta.dictionary_page_offset ?? 0) || Number(meta.data_page_offset)
  const bytes = new Uint8Array(await buffer.slice(start, start + Number(meta.total_compressed_size)))
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
  for (let values = 0; values < Number(meta.num_values) && reader.offset < bytes.length; ) {
    const header = parquetHeader(reader)
    const page = bytes.subarray(reader.offset, reader.offset + header.compressed_page_size)
    if (header.crc !== undefined && crc32(page) !== header.crc >>> 0) {
      throw badInput(`the checksum of a page of ${meta.path_in_schema.join('.')} is wrong`)
    }
    reader.offset += header.compressed_page_size
    values += valuesOf(header)
    if (!(header.compressed_page_size >= 0)) return
  }
}

function valuesOf({ data_page_header: first, data_page_header_v2: second }: PageHeader): number {
  return first?.num_values ?? second?.num_values ?? 0
}
