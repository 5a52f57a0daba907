import type { Serde } from '@millrace/core'
import type { AsOfJoinNode, InstantStore, KeyValueStore, StorePlan } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { freeEntry } from '../free-entry.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { drivenInOrder } from '../time/in-order.ts'
import { isLate, type LateRecords, lateRecords, passLate } from '../time/late-records.ts'
import { TimedResultsOperator } from '../time/timed-results.ts'
import { joinedValue, type UserJoiner } from './joined-value.ts'
import { KeptRowsOperator } from './kept-rows.ts'

type Store = InstantStore<unknown, unknown>

/**
 * Both sides wait until all that belongs before them has come, and are then taken in the order of their times: at each time the
 * changes of the table, and then the records. The changes make the rows; each record is joined with the row of its key.
 */
export const compileAsOfJoin: CompileStep<AsOfJoinNode> = (node, context) => {
  const [rowsPlan, changesPlan, recordsPlan] = node.stores
  const time = context.timeBefore(node)
  const [changes, records] = [context.instantStore(changesPlan, time), context.instantStore(recordsPlan, time)]
  // Of what is due at the same time, that which was registered first comes first.
  const { graceMs } = node
  const changesInOrder = drivenInOrder(changesPlan.name, graceMs, time, changes, context)
  const recordsInOrder = drivenInOrder(recordsPlan.name, graceMs, time, records, context)
  context.holdBack(node, recordsPlan.name, time, recordsInOrder)
  return () => {
    const rows = context.keyValueStore(rowsPlan)
    const results = (finals: typeof changesInOrder, { key, value }: StorePlan, next: TableOperator) =>
      new TimedResultsOperator(context.resultsOf(node, anySerde(key), anySerde(value)), finals, context.units, next)
    changesInOrder.next = results(changesInOrder, changesPlan, new KeptRowsOperator(rows))
    const join = new JoinRowOperator(node, rows, context.record, context.streamAfter(node))
    recordsInOrder.next = results(recordsInOrder, recordsPlan, join)
    const waitingIn = (store: Store, { value }: StorePlan, port: number): Waiting => {
      const late = lateRecords(context.counts, context.lateAfter(node, port))
      return { step: node.label, graceMs, store, value: anySerde(value), time, record: context.record, late }
    }
    return [
      new RecordsOperator(waitingIn(records, recordsPlan, 0)),
      changesOperator(node, waitingIn(changes, changesPlan, 1)),
    ]
  }
}

/** Where one side waits. */
interface Waiting {
  readonly step: string
  readonly graceMs: number
  readonly store: Store
  readonly value: Serde<unknown>
  readonly time: EventTime
  readonly record: CurrentRecord
  readonly late: LateRecords
}

/** Whether what has this time comes too late; it is passed on as late then. */
function isTooLate({ record, time, graceMs, late }: Waiting, key: unknown, value: unknown, timestamp: number): boolean {
  if (!isLate(record, time, timestamp, graceMs)) return false
  passLate(late, key, value, timestamp)
  return true
}

/** Keeps the records until the rows of their time are known. Tombstones end here: they have nothing to join. */
class RecordsOperator extends StreamOperator {
  readonly #waiting: Waiting

  constructor(waiting: Waiting) {
    super()
    this.#waiting = waiting
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    const { step, store, value: serde } = this.#waiting
    requireKey(step, key)
    if (!isTooLate(this.#waiting, key, value, timestamp))
      store.set(freeEntry(store, key, timestamp), storedValue(step, serde, value, key))
  }
}

function changesOperator({ takes }: AsOfJoinNode, waiting: Waiting): StreamOperator | TableOperator {
  return takes[1] === 'records' ? new RowRecordsOperator(waiting) : new ChangesOperator(waiting)
}

/** Keeps a change of the table until it is complete. Of several with the same time, the last one counts. */
function keepChange(waiting: Waiting, key: unknown, value: unknown, timestamp: number): void {
  const { step, store, value: serde } = waiting
  if (!isTooLate(waiting, key, value, timestamp))
    store.set(store.find(key, timestamp, 0), storedValue(step, serde, value, key))
}

/** Takes the changes of a table. */
class ChangesOperator extends TableOperator {
  readonly #waiting: Waiting

  constructor(waiting: Waiting) {
    super()
    this.#waiting = waiting
  }

  change(key: unknown, value: unknown, _old: unknown, timestamp: number): void {
    keepChange(this.#waiting, key, value, timestamp)
  }
}

/** Takes the records that a table is read from. */
class RowRecordsOperator extends StreamOperator {
  readonly #waiting: Waiting

  constructor(waiting: Waiting) {
    super()
    this.#waiting = waiting
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    requireKey(this.#waiting.step, key)
    keepChange(this.#waiting, key, value, timestamp)
  }
}

/** Joins a record, whose time has come, with the row that its key has by now. */
class JoinRowOperator extends TableOperator {
  readonly #node: AsOfJoinNode
  readonly #rows: KeyValueStore<unknown, unknown>
  readonly #record: CurrentRecord
  readonly #next: StreamOperator

  constructor(node: AsOfJoinNode, rows: KeyValueStore<unknown, unknown>, record: CurrentRecord, next: StreamOperator) {
    super()
    this.#node = node
    this.#rows = rows
    this.#record = record
    this.#next = next
  }

  change(key: unknown, value: unknown, _old: unknown, timestamp: number): void {
    const { label, fn, unmatched } = this.#node
    const row = this.#rows.find(key).value ?? null
    if (row === null && !unmatched) return
    this.#next.process(key, joinedValue(label, fn as UserJoiner, value, row, key, this.#record), timestamp)
  }
}
