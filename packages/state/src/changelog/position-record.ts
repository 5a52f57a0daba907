import type { Checkpoint, StatePosition } from '@millrace/core/internal'

/** The key of the position record. */
export const POSITION_KEY = Buffer.from('\0position')

/** Which prefix of the changelog a state equals. It is written in the same batch as the entries of that prefix. */
export interface PositionRecord extends StatePosition {
  readonly checkpoint: Checkpoint
  /** Whether that prefix records which serdes wrote the stores. */
  readonly described: boolean
}

export const START: PositionRecord = {
  nextOffset: 0,
  checksum: null,
  checkpoint: new Map(),
  described: false,
}

export function encodePosition({ nextOffset, checksum, checkpoint, described }: PositionRecord): Buffer {
  return Buffer.from(JSON.stringify({ nextOffset, checksum, described, inputs: [...checkpoint] }))
}

/** The inverse of `encodePosition`, for bytes whose checksum was verified. */
export function decodePosition(bytes: Buffer): PositionRecord {
  const { nextOffset, checksum, described, inputs } = JSON.parse(bytes.toString())
  return { nextOffset, checksum, described, checkpoint: new Map(inputs) }
}
