import type { Entry, ReachOfTop, Sorted, SortedStore } from '@millrace/core/internal'
import { behind, boundsOfGroup } from './rank-places.ts'

/** Rows, sorted by the bytes of their places. */
export type RankedRows = SortedStore<unknown, unknown, Uint8Array>

/** A row that is there. */
export interface RankedRow {
  readonly key: unknown
  readonly value: unknown
  readonly place: Uint8Array
}

/** What the change of one row does to the top of its group. */
export interface TopChange {
  /** How far the top reaches now; undefined: the group has no rows. */
  readonly reach: ReachOfTop | undefined
  /** Whether the row was at the top before, and whether it is now. */
  readonly was: boolean
  readonly is: boolean
  /** The row that takes the place of one that has left the top, or leaves because of one that has come. */
  readonly other: RankedRow | undefined
}

/**
 * What happens at the top of a group, which has `size` rows at most and has reached as far as `reach`, when a row moves from one
 * place to another; undefined: it was not there, or is not any more. The rows have the change already. It reads the row behind
 * the top, or the last two of it, and no others.
 */
export function changeTop(
  rows: RankedRows,
  size: number,
  reach: ReachOfTop | undefined,
  from: Uint8Array | undefined,
  to: Uint8Array | undefined,
): TopChange {
  const was = from !== undefined && reach !== undefined && Buffer.compare(from, reach.last) <= 0
  if (was) return changeInTop(rows, reach, from, to)
  if (to === undefined) return { reach, was, is: false, other: undefined }
  if (reach === undefined) return { reach: { count: 1, last: to }, was, is: true, other: undefined }
  const { count, last } = reach
  const isBehind = Buffer.compare(to, last) > 0
  if (count < size) return { reach: { count: count + 1, last: isBehind ? to : last }, was, is: true, other: undefined }
  if (isBehind) return { reach, was, is: false, other: undefined }
  return { reach: reachBefore(rows, count, last), was, is: true, other: firstRow(rows, last, last) }
}

/** As `changeTop`, of a row that was at the top. */
function changeInTop(
  rows: RankedRows,
  { count, last }: ReachOfTop,
  from: Uint8Array,
  to: Uint8Array | undefined,
): TopChange {
  const wasLast = Buffer.compare(from, last) === 0
  const order = to === undefined ? 1 : Buffer.compare(to, last)
  if (order <= 0) {
    const reach = wasLast && order < 0 ? reachBefore(rows, count, last) : { count, last }
    return { reach, was: true, is: true, other: undefined }
  }
  const next = firstRow(rows, behind(last), last)
  if (next === undefined) {
    const reach = wasLast ? reachBefore(rows, count - 1, last) : { count: count - 1, last }
    return { reach, was: true, is: false, other: undefined }
  }
  const reach = { count, last: next.place }
  if (to !== undefined && Buffer.compare(next.place, to) === 0) return { reach, was: true, is: true, other: undefined }
  return { reach, was: true, is: false, other: next }
}

/** The first row from a place on, of the group of another place. */
function firstRow(rows: RankedRows, from: Uint8Array, inGroupOf: Uint8Array): RankedRow | undefined {
  for (const entry of rows.inOrder({ from, to: boundsOfGroup(inGroupOf).to })) return rankedRow(entry)
  return undefined
}

/** The top with so many rows, of which the last is the one before a place; undefined if no row is before it. */
function reachBefore(rows: RankedRows, count: number, place: Uint8Array): ReachOfTop | undefined {
  for (const entry of rows.inOrder({ from: boundsOfGroup(place).from, to: place, reverse: true })) {
    const row = rankedRow(entry)
    return row && { count, last: row.place }
  }
  return undefined
}

function rankedRow({ key, value }: Entry<unknown, Sorted<unknown, Uint8Array>>): RankedRow | undefined {
  return value && { key, value: value.value, place: value.order }
}
