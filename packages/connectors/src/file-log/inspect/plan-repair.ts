import { EMPTY_OFFSETS_MAX, emptyBatch } from '../../record-batch/filter-batch.ts'
import { HEADER_BYTES } from '../../record-batch/format.ts'
import type { Fix, PartitionProblem } from './problem.ts'

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

export type Fill = Extract<Fix, { kind: 'fill' }>

export function planRepair(problems: readonly PartitionProblem[]): RepairPlan {
  const damage = problems.filter(({ severity }) => severity === 'damage')
  return {
    problems,
    needed: problems.some(({ severity, fix }) => severity !== 'harmless' || fix.kind === 'recover'),
    lost: damage.flatMap(({ fix }) => lostBy(fix)),
    impossible: damage.filter(
      ({ fix }) => fix.kind === 'none' || (fix.kind === 'fill' && fillingOf(fix) === undefined),
    ),
  }
}

function lostBy(fix: Fix): OffsetRange[] {
  if (fix.kind === 'start') return [{ from: fix.lostFrom, to: fix.offset }]
  return fix.kind === 'fill' && fix.from < fix.to ? [{ from: fix.from, to: fix.to }] : []
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
