/**
 * What a problem means. `damage`: readers refuse what is there, or records are missing. `torn`: an append that was cut off,
 * which whoever appends next repairs. `harmless`: nothing reads it, or it is made again by itself.
 */
export type Severity = 'damage' | 'torn' | 'harmless'

/** Something in a data directory that is not as it should be. */
export interface LogProblem {
  readonly severity: Severity
  readonly topic?: string
  readonly partition?: number
  readonly file: string
  /** The bytes that it is about: `[position, end)`; equal where something is missing there. */
  readonly position: number
  readonly end: number
  /** The offset that should stand at `position`. */
  readonly offset?: number
  /** The offset at which whole batches go on. */
  readonly nextOffset?: number
  readonly what: string
}

/** What repairing does about a problem of a partition. */
export type Mend =
  /** Nothing: it is harmless, or no repair is known. */
  | { readonly kind: 'none' }
  /** What an append would do first: a torn end is cut off, the tail is made from the files. */
  | { readonly kind: 'recover' }
  /** The bytes of a segment give way to an empty batch for the offsets `[from, to)`. */
  | {
      readonly kind: 'fill'
      readonly base: number
      readonly position: number
      readonly end: number
      /** Nothing stands behind `end`. */
      readonly last: boolean
      readonly from: number
      readonly to: number
    }
  /** A batch gets the base offset that the batches around it say. Nothing is lost. */
  | { readonly kind: 'baseOffset'; readonly base: number; readonly position: number; readonly offset: number }
  /** The partition starts later: what stood before is gone. */
  | { readonly kind: 'start'; readonly offset: number; readonly lostFrom: number }

/** A problem of one partition, and what repairing does about it. */
export interface PartitionProblem extends LogProblem {
  readonly mend: Mend
}
