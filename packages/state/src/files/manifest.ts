import { ByteReader } from './byte-reader.ts'
import { readRecordLog } from './record-log.ts'

/** The files and numbers of the latest version of a database. */
export interface Manifest {
  /** The oldest write-ahead log that is not in the tables yet. */
  readonly logNumber: number
  /** The sequence number of some write that had happened when the last edit was made. */
  readonly lastSequence: number
  /** Tables by number, with their lengths. */
  readonly tables: ReadonlyMap<number, number>
}

/** An edit's fields: LevelDB's version_edit.cc. */
const COMPARATOR = 1
const LOG_NUMBER = 2
const NEXT_FILE = 3
const LAST_SEQUENCE = 4
const COMPACT_POINTER = 5
const DELETED_TABLE = 6
const NEW_TABLE = 7
const PREVIOUS_LOG = 9

/** Replays a manifest's edits; throws if it is damaged. */
export function readManifest(bytes: Buffer): Manifest {
  const { records, torn } = readRecordLog(bytes)
  // A log without its tail is accepted, but a manifest is not: without its tail it may name tables and logs that were deleted
  // long ago.
  if (torn) throw new Error('its last record is not whole')
  let logNumber = 0
  let lastSequence = 0
  const tables = new Map<number, number>()
  for (const record of records) {
    const reader = new ByteReader(record)
    while (reader.more) {
      const field = reader.varint()
      if (field === LOG_NUMBER) logNumber = reader.varint()
      else if (field === LAST_SEQUENCE) lastSequence = reader.varint()
      else if (field === NEXT_FILE || field === PREVIOUS_LOG) reader.varint()
      else if (field === COMPARATOR) reader.skip(reader.varint())
      else if (field === COMPACT_POINTER) {
        reader.varint()
        reader.skip(reader.varint())
      } else if (field === DELETED_TABLE) {
        reader.varint()
        tables.delete(reader.varint())
      } else if (field === NEW_TABLE) {
        reader.varint()
        const number = reader.varint()
        tables.set(number, reader.varint())
        reader.skip(reader.varint())
        reader.skip(reader.varint())
      } else throw new Error(`it has an edit of kind ${field}`)
    }
  }
  return { logNumber, lastSequence, tables }
}
