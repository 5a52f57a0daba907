/**
 * What a problem means. `damage`: readers reject what is there, or records are missing. `torn`: an append was cut off; the
 * process that appends next repairs it. `harmless`: nothing reads it, or it is rebuilt automatically.
 */
export type Severity = 'damage' | 'torn' | 'harmless'

/** Something that is wrong in a data directory. */
export interface LogProblem {
  readonly severity: Severity
  readonly topic?: string
  readonly partition?: number
  readonly file: string
  /** The damaged bytes: `[position, end)`; both are equal if something is missing there. */
  readonly position: number
  readonly end: number
  /** The offset that should be at `position`. */
  readonly offset?: number
  /** The offset of the next whole batch. */
  readonly nextOffset?: number
  readonly what: string
}

/** What repairing does about a problem of a partition. */
export type Fix =
  /** Nothing: the problem is harmless, or no repair is known. */
  | { readonly kind: 'none' }
  /** The same as the next append would do: a torn end is cut off, or the tail is rebuilt from the files. */
  | { readonly kind: 'recover' }
  /** An empty batch for the offsets `[from, to)` replaces the bytes of a segment. */
  | {
      readonly kind: 'fill'
      readonly base: number
      readonly position: number
      readonly end: number
      /** Nothing follows `end`. */
      readonly last: boolean
      readonly from: number
      readonly to: number
    }
  /** A batch gets the base offset that follows from the batches around it. Nothing is lost. */
  | { readonly kind: 'baseOffset'; readonly base: number; readonly position: number; readonly offset: number }
  /** The partition starts later: what was before is lost. */
  | { readonly kind: 'start'; readonly offset: number; readonly lostFrom: number }

/** A problem of one partition, and what repairing does about it. */
export interface PartitionProblem extends LogProblem {
  readonly fix: Fix
}
