import type { Serde } from '@millrace/core'
import type { InOrderNode, InstantEntry, InstantStore } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { freeEntry } from '../free-entry.ts'
import { StreamOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep, StepContext } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { ChangesOperator } from '../tables/changes.ts'
import { Finals } from './finals.ts'
import { isLate, type LateRecords, lateRecords, passLate } from './late-records.ts'
import { TimedResultsOperator } from './timed-results.ts'

/** Records wait in a store by event time, and leave it once all that belongs before them has come. */
export const compileInOrder: CompileStep<InOrderNode> = (node, context) => {
  const { graceMs } = node
  const [plan] = node.stores
  const [key, value] = [anySerde(plan.key), anySerde(plan.value)]
  const time = context.timeBefore(node)
  const store = context.instantStore(plan, time)
  const finals = drivenInOrder(plan.name, graceMs, time, store, context)
  context.holdBack(node, plan.name, time, finals)
  return () => {
    const next = new ChangesOperator(context.streamAfter(node))
    finals.next = new TimedResultsOperator(context.resultsOf(node, key, value), finals, context.units, next)
    const late = lateRecords(context.counts, context.lateAfter(node))
    return [new InOrderOperator(node, value, time, context.record, store, late)]
  }
}

/** Lets the entries of a store out in the order of their times: each once no entry in time can come before it. */
export function drivenInOrder(
  name: string,
  graceMs: number,
  time: EventTime,
  store: InstantStore<unknown, unknown>,
  context: StepContext,
): Finals<InstantEntry<unknown, unknown>> {
  // Something with a time is late only behind a watermark that has passed its time by the grace.
  const completion = { delayMs: graceMs + 1, resultMs: 0, advanceMs: 1 }
  const finals = new Finals(
    name,
    completion,
    time,
    store,
    ({ key }: InstantEntry<unknown, unknown>) => key,
    context.record,
  )
  context.drive(finals)
  return finals
}

class InOrderOperator extends StreamOperator {
  readonly #node: InOrderNode
  readonly #value: Serde<unknown>
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #store: InstantStore<unknown, unknown>
  readonly #late: LateRecords

  constructor(
    node: InOrderNode,
    value: Serde<unknown>,
    time: EventTime,
    record: CurrentRecord,
    store: InstantStore<unknown, unknown>,
    late: LateRecords,
  ) {
    super()
    this.#node = node
    this.#value = value
    this.#time = time
    this.#record = record
    this.#store = store
    this.#late = late
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const { label, graceMs } = this.#node
    requireKey(label, key)
    if (isLate(this.#record, this.#time, timestamp, graceMs)) {
      passLate(this.#late, key, value, timestamp)
      return
    }
    this.#store.set(freeEntry(this.#store, key, timestamp), storedValue(label, this.#value, value, key))
  }
}
