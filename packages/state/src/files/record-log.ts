import { maskedCrc32c } from './masked-checksum.ts'

/** The format of write-ahead logs and manifests: LevelDB's doc/log_format.md. */
const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

export interface RecordLog {
  readonly records: readonly Buffer[]
  /** The last record is incomplete: its writer died. */
  readonly torn: boolean
}

/** Splits a file into its records. Throws if it is damaged, which LevelDB itself would ignore. */
export function readRecordLog(bytes: Buffer): RecordLog {
  const records: Buffer[] = []
  let parts: Buffer[] = []
  let at = 0
  while (at < bytes.length) {
    const blockEnd = at - (at % BLOCK_BYTES) + BLOCK_BYTES
    if (blockEnd - at < HEADER_BYTES) {
      if (bytes.subarray(at, blockEnd).some((byte) => byte !== 0)) throw new Error(`byte ${at} is not padding`)
      at = blockEnd
      continue
    }
    const start = at + HEADER_BYTES
    if (start > bytes.length) return { records, torn: true }
    const end = start + bytes.readUInt16LE(at + 4)
    if (end > blockEnd) throw new Error(`the record at byte ${at} is too long`)
    if (end > bytes.length) return { records, torn: true }
    if (bytes.readUInt32LE(at) !== maskedCrc32c(bytes, start - 1, end)) {
      throw new Error(`the record at byte ${at} does not match its checksum`)
    }
    const type = bytes[start - 1]
    const begins = type === FULL || type === FIRST
    if (!(begins || type === MIDDLE || type === LAST) || begins !== (parts.length === 0)) {
      throw new Error(`the record at byte ${at} is out of place`)
    }
    parts.push(bytes.subarray(start, end))
    if (type === FULL || type === LAST) {
      records.push(Buffer.concat(parts))
      parts = []
    }
    at = end
  }
  return { records, torn: parts.length > 0 }
}
