import { ByteReader } from './byte-reader.ts'
import { maskedCrc32c } from './masked-checksum.ts'

/** LevelDB's doc/table_format.md. */
const FOOTER_BYTES = 48
const MAGIC = 0xdb4775248b80fb57n
/** After each block: its compression, and the checksum of both. */
const TRAILER_BYTES = 5
const UNCOMPRESSED = 0
const RESTART_BYTES = 4

interface Block {
  readonly start: number
  readonly end: number
}

/** Checks every block of a table against its checksum, which LevelDB itself does not do. Throws if one is damaged. */
export function checkTable(bytes: Buffer): void {
  const footer = bytes.length - FOOTER_BYTES
  if (footer < 0 || bytes.readBigUInt64LE(bytes.length - 8) !== MAGIC) throw new Error('it has no footer')
  const reader = new ByteReader(bytes, footer)
  const metaindex = readBlock(bytes, reader)
  const index = readBlock(bytes, reader)
  const blocks = [...referredBlocks(bytes, index), ...referredBlocks(bytes, metaindex), metaindex, index]
  blocks.sort((a, b) => a.start - b.start)
  let at = 0
  for (const { start, end } of blocks) {
    if (start !== at) throw new Error(`no block begins at byte ${at}`)
    at = end + TRAILER_BYTES
  }
  if (at !== footer) throw new Error(`no block begins at byte ${at}`)
}

function readBlock(bytes: Buffer, reader: ByteReader): Block {
  const start = reader.varint()
  const end = start + reader.varint()
  if (end + TRAILER_BYTES > bytes.length) throw new Error(`the block at byte ${start} is too long`)
  if (bytes.readUInt32LE(end + 1) !== maskedCrc32c(bytes, start, end + 1)) {
    throw new Error(`the block at byte ${start} does not match its checksum`)
  }
  if (bytes[end] !== UNCOMPRESSED) throw new Error(`the block at byte ${start} is compressed`)
  return { start, end }
}

/** The blocks that an index block's values refer to. */
function* referredBlocks(bytes: Buffer, { start, end }: Block): Iterable<Block> {
  const restarts = bytes.readUInt32LE(end - RESTART_BYTES)
  const reader = new ByteReader(bytes, start, end - RESTART_BYTES - restarts * RESTART_BYTES)
  while (reader.more) {
    reader.varint()
    const keyBytes = reader.varint()
    const valueBytes = reader.varint()
    reader.skip(keyBytes)
    yield readBlock(bytes, new ByteReader(bytes, reader.position, reader.position + valueBytes))
    reader.skip(valueBytes)
  }
}
