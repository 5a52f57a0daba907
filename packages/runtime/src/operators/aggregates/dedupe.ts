import type { Serde } from '@millrace/core'
import { type DedupeNode, lastWindowStart, type WindowStore } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import type { RunningCounts } from '../../task/task-counts.ts'
import { anySerde } from '../any-serde.ts'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import { returned } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { isLate, type LateRecords, lateRecords, passLate } from '../time/late-records.ts'

export const compileDedupe: CompileStep<DedupeNode> = (node, context) => {
  const { record, counts } = context
  const [store] = node.stores
  const time = context.timeBefore(node)
  const passed = context.windowStore(store, time)
  const idOf = node.id && idReader(node.label, userCallback(node.id), anySerde(node.key), anySerde(store.key), record)
  return () => [
    new DedupeOperator(
      node,
      idOf,
      time,
      record,
      counts,
      passed,
      context.streamAfter(node),
      lateRecords(counts, context.lateAfter(node)),
    ),
  ]
}

/** What repeats have in common: a key of the store. */
type IdReader = (key: unknown, value: unknown) => unknown

function idReader(
  step: string,
  fn: UserCallback,
  key: Serde<unknown>,
  storeKey: Serde<unknown>,
  record: CurrentRecord,
): IdReader {
  return (k, value) => {
    let id: unknown
    try {
      id = returned(step, fn(value, k, record))
    } catch (error) {
      throw callbackFailed(step, error)
    }
    return storedValue(step, storeKey, [key.toJson(k), id], k)
  }
}

/**
 * Passes on a record unless one with the same key, and less than `withinMs` from it, has passed. Time is cut into windows of
 * that length: a window has at most one record that has passed, and only the windows next to a record's own can have
 * another one that is near enough.
 *
 * A record is late as for a window that ends with it. Then the records that it may repeat may have expired.
 */
class DedupeOperator extends StreamOperator {
  readonly #node: DedupeNode
  readonly #idOf: IdReader | undefined
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #counts: RunningCounts
  /** The event time of each record that has passed. */
  readonly #passed: WindowStore<unknown, unknown>
  readonly #next: StreamOperator
  readonly #late: LateRecords

  constructor(
    node: DedupeNode,
    idOf: IdReader | undefined,
    time: EventTime,
    record: CurrentRecord,
    counts: RunningCounts,
    passed: WindowStore<unknown, unknown>,
    next: StreamOperator,
    late: LateRecords,
  ) {
    super()
    this.#node = node
    this.#idOf = idOf
    this.#time = time
    this.#record = record
    this.#counts = counts
    this.#passed = passed
    this.#next = next
    this.#late = late
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) {
      this.#next.process(key, value, timestamp)
      return
    }
    const { label, withinMs, graceMs } = this.#node
    requireKey(label, key)
    if (isLate(this.#record, this.#time, timestamp, graceMs)) {
      passLate(this.#late, key, value, timestamp)
      return
    }
    const id = this.#idOf === undefined ? key : this.#idOf(key, value)
    const start = lastWindowStart(timestamp, withinMs)
    const own = this.#passed.find(id, start)
    if (
      this.#isNear(own.value, timestamp) ||
      this.#isNear(this.#passed.find(id, start - withinMs).value, timestamp) ||
      this.#isNear(this.#passed.find(id, start + withinMs).value, timestamp)
    ) {
      this.#counts.duplicates++
      return
    }
    this.#passed.set(own, timestamp)
    this.#next.process(key, value, timestamp)
  }

  #isNear(passedAt: unknown, timestamp: number): boolean {
    return typeof passedAt === 'number' && Math.abs(passedAt - timestamp) < this.#node.withinMs
  }
}
