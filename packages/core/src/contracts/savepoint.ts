import type { Position } from '../position.ts'

/** A named copy of a job's positions and state, as of one moment between commits. */
export interface Savepoint {
  readonly job: string
  readonly name: string
  /** When it was taken, ms since the epoch. */
  readonly createdMs: number
  /** How far the job had processed its inputs. */
  readonly position: Position
  /** Bytes that only the savepoint holds: what its deletion frees. It shares the others with the job's present data. */
  readonly ownBytes: number
}
