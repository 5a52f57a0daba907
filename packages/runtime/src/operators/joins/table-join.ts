import type { Serde } from '@millrace/core'
import type { Entry, Pair, TableJoinNode, Timed } from '@millrace/core/internal'
import { anySerde } from '../any-serde.ts'
import { TableOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { type Rows, rowsIn } from '../tables/rows.ts'
import { joinedRow, type UserJoin, userJoin } from './joined-row.ts'

export const compileTableJoin: CompileStep<TableJoinNode> = (node, context) => {
  const { label, fn, unmatched, stores, sides } = node
  const time = context.timeBefore(node)
  const [rows, pairs] = [rowsIn(stores[0], time, context), rowsIn(stores[1], time, context)]
  return () => {
    const join: JoinedRows = {
      step: label,
      fn: userJoin(fn),
      keepsLeft: unmatched !== 'none',
      keepsRight: unmatched === 'both',
      value: anySerde(stores[0].value),
      rows,
      pairs,
      next: context.tableAfter(node),
    }
    return sides.map(({ value }, port) => new SideOperator(join, port === 0, anySerde(value)))
  }
}

/** Both sides of a key, each with the time of its last change. */
type Sides = Pair<Timed<unknown>, Timed<unknown>>

/** What both ports of a join share. */
interface JoinedRows {
  readonly step: string
  readonly fn: UserJoin
  /** Whether it keeps left rows without a right one. */
  readonly keepsLeft: boolean
  readonly keepsRight: boolean
  /** How the joined rows are kept. */
  readonly value: Serde<unknown>
  readonly rows: Rows
  readonly pairs: Rows
  readonly next: TableOperator | undefined
}

/**
 * Takes the changes of one table. A join keeps what it has got of both sides, and never looks at the tables themselves: if
 * both are computed from one table, their changes come one after the other, and each is joined with what the other side passed
 * on last. The old row of a change is the one that the join keeps, which is what it passed on before.
 */
class SideOperator extends TableOperator {
  readonly #join: JoinedRows
  readonly #isLeft: boolean
  readonly #value: Serde<unknown>

  constructor(join: JoinedRows, isLeft: boolean, value: Serde<unknown>) {
    super()
    this.#join = join
    this.#isLeft = isLeft
    this.#value = value
  }

  change(key: unknown, value: unknown, _old: unknown, timestamp: number): void {
    const join = this.#join
    const pair = join.pairs.find(key)
    const before = pair.value as Sides | undefined
    const own = timedValue(join.step, this.#value, value, timestamp, key)
    const left = this.#isLeft ? own : (before?.first ?? null)
    const right = this.#isLeft ? (before?.second ?? null) : own
    keepSides(join, pair, left, right)
    joinSides(join, key, left, right, timestamp)
  }
}

function timedValue(
  step: string,
  serde: Serde<unknown>,
  value: unknown,
  at: number,
  key: unknown,
): Timed<unknown> | null {
  return value === null ? null : { at, value: storedValue(step, serde, value, key) }
}

function keepSides(
  { pairs }: JoinedRows,
  entry: Entry<unknown, unknown>,
  first: Timed<unknown> | null,
  second: Timed<unknown> | null,
): void {
  const sides: Sides | undefined = first === null && second === null ? undefined : { first, second }
  if (sides !== undefined || entry.value !== undefined) pairs.set(entry, sides)
}

/** Keeps the row that two sides make, and passes the change on. Its time is the later one of the two sides. */
function joinSides(
  { step, fn, keepsLeft, keepsRight, value, rows, next }: JoinedRows,
  key: unknown,
  left: Timed<unknown> | null,
  right: Timed<unknown> | null,
  timestamp: number,
): void {
  const row = rows.find(key)
  const old = row.value ?? null
  let joined: unknown = null
  if ((left !== null || keepsRight) && (right !== null || keepsLeft) && (left !== null || right !== null)) {
    joined = joinedRow(step, fn, left?.value ?? null, right?.value ?? null, key)
  }
  if (joined === null && old === null) return
  const kept = joined === null ? null : storedValue(step, value, joined, key)
  rows.set(row, kept ?? undefined)
  next?.change(key, kept, old, Math.max(timestamp, left?.at ?? timestamp, right?.at ?? timestamp))
}
