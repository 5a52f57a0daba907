import { EMPTY_OFFSETS_MAX, emptyBatch } from '../../record-batch/filter-batch.ts'
import { HEADER_BYTES } from '../../record-batch/format.ts'
import type { Mend, PartitionProblem } from './problem.ts'

/** The offsets `[from, to)`. */
export interface OffsetRange {
  readonly from: number
  readonly to: number
}

/** What repairing a partition would do. */
export interface RepairPlan {
  /** Everything that is wrong. */
  readonly problems: readonly PartitionProblem[]
  /** Whether there is anything to do. */
  readonly needed: boolean
  /** The offsets whose records would be lost. */
  readonly lost: readonly OffsetRange[]
  /** Damage that cannot be repaired: with any of it, nothing is repaired. */
  readonly impossible: readonly PartitionProblem[]
}

export type Fill = Extract<Mend, { kind: 'fill' }>

export function planRepair(problems: readonly PartitionProblem[]): RepairPlan {
  const damage = problems.filter(({ severity }) => severity === 'damage')
  return {
    problems,
    needed: problems.some(({ severity, mend }) => severity !== 'harmless' || mend.kind === 'recover'),
    lost: damage.flatMap(({ mend }) => lostBy(mend)),
    impossible: damage.filter(
      ({ mend }) => mend.kind === 'none' || (mend.kind === 'fill' && fillingOf(mend) === undefined),
    ),
  }
}

function lostBy(mend: Mend): OffsetRange[] {
  if (mend.kind === 'start') return [{ from: mend.lostFrom, to: mend.offset }]
  return mend.kind === 'fill' && mend.from < mend.to ? [{ from: mend.from, to: mend.to }] : []
}

/**
 * The bytes to write in place of damaged ones: empty batches for the lost offsets, as long as what was there. So nothing
 * after them moves, and processes that have the file open are not disturbed. Undefined if they do not fit, because bytes are
 * missing or were inserted.
 */
export function fillingOf({ position, end, last, from, to }: Fill): Buffer | undefined {
  const batches: Buffer[] = []
  for (let next = from; next < to; next += EMPTY_OFFSETS_MAX) {
    const until = Math.min(to, next + EMPTY_OFFSETS_MAX)
    const rest = end - position - batches.length * HEADER_BYTES
    if (rest < HEADER_BYTES && !last) return undefined
    batches.push(emptyBatch(next, until, until === to ? Math.max(HEADER_BYTES, rest) : HEADER_BYTES))
  }
  return batches.length === 0 && !last && position < end ? undefined : Buffer.concat(batches)
}
