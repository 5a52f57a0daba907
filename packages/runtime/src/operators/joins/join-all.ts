import type { Serde } from '@millrace/core'
import type { InstantEntry, InstantStore, JoinAllNode } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { freeEntry } from '../free-entry.ts'
import { StreamOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { isLate, type LateRecords, lateRecords, passLate } from '../time/late-records.ts'

/** A kept record. Its `time` is the watermark of its source partition at it. */
type Kept = Pick<InstantEntry<unknown, unknown>, 'value' | 'at' | 'time'>
type Store = InstantStore<unknown, unknown>

export const compileJoinAll: CompileStep<JoinAllNode> = (node, context) => {
  const time = context.timeBefore(node)
  const stores = node.stores.map((store) => context.instantStore(store, time))
  return () => {
    const next = context.streamAfter(node)
    const combinations = new Combinations(node, stores, context.record, next)
    return node.stores.map(({ value }, port) => {
      const late = lateRecords(context.counts, context.lateAfter(node, port))
      return new JoinAllOperator(node, port, anySerde(value), time, context.record, stores, late, combinations)
    })
  }
}

/**
 * Takes the records of one of the streams, and keeps each for those that come later. A record completes the combinations of
 * which it is the last one to come: so each is found once, in whatever order its records come. Tombstones end here.
 *
 * When a record is late, and what a result has for a watermark, is as in a join of two streams.
 */
class JoinAllOperator extends StreamOperator {
  readonly #node: JoinAllNode
  readonly #port: number
  readonly #value: Serde<unknown>
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #stores: readonly Store[]
  readonly #late: LateRecords
  readonly #combinations: Combinations

  constructor(
    node: JoinAllNode,
    port: number,
    value: Serde<unknown>,
    time: EventTime,
    record: CurrentRecord,
    stores: readonly Store[],
    late: LateRecords,
    combinations: Combinations,
  ) {
    super()
    this.#node = node
    this.#port = port
    this.#value = value
    this.#time = time
    this.#record = record
    this.#stores = stores
    this.#late = late
    this.#combinations = combinations
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    const { label, reach } = this.#node
    requireKey(label, key)
    const record = this.#record
    if (isLate(record, this.#time, timestamp, reach.graceMs)) {
      passLate(this.#late, key, value, timestamp)
      return
    }
    const own = this.#stores[this.#port]
    if (own === undefined) throw new Error(`Step ${label} has no port ${this.#port}`)
    const watermark = Math.max(record.watermark, timestamp)
    const kept = { value: storedValue(label, this.#value, value, key), at: timestamp, time: watermark }
    own.set(freeEntry(own, key, timestamp), kept.value, kept.time)
    this.#combinations.complete(key, this.#port, kept)
  }
}

/** Finds the combinations that one record completes, and passes them on. */
class Combinations {
  readonly #names: readonly string[]
  readonly #withinMs: number
  readonly #stores: readonly Store[]
  readonly #record: CurrentRecord
  readonly #next: StreamOperator

  constructor({ ports, reach }: JoinAllNode, stores: readonly Store[], record: CurrentRecord, next: StreamOperator) {
    this.#names = ports
    this.#withinMs = reach.afterMs
    this.#stores = stores
    this.#record = record
    this.#next = next
  }

  complete(key: unknown, port: number, kept: Kept): void {
    const [from, to] = [kept.at - this.#withinMs, kept.at + this.#withinMs + 1]
    const near: (readonly Kept[])[] = []
    for (const [other, store] of this.#stores.entries()) {
      const records = other === port ? [kept] : [...store.ofKey(key, from, to)]
      if (records.length === 0) return
      near.push(records)
    }
    this.#choose(key, near, [], kept.at, kept.at)
  }

  /** Adds a record of the next stream to those that are chosen, in each way in which all of them are near each other. */
  #choose(
    key: unknown,
    near: readonly (readonly Kept[])[],
    chosen: readonly Kept[],
    first: number,
    last: number,
  ): void {
    const records = near[chosen.length]
    if (records === undefined) {
      this.#pass(key, chosen, last)
      return
    }
    for (const kept of records) {
      const [earliest, latest] = [Math.min(first, kept.at), Math.max(last, kept.at)]
      if (latest - earliest <= this.#withinMs) this.#choose(key, near, [...chosen, kept], earliest, latest)
    }
  }

  #pass(key: unknown, chosen: readonly Kept[], timestamp: number): void {
    const record = this.#record
    const own = record.watermark
    record.watermark = Math.max(...chosen.map(({ time }) => time))
    const together = Object.fromEntries(this.#names.map((name, port) => [name, chosen[port]?.value]))
    this.#next.process(key, together, timestamp)
    // If a step behind throws, the whole record is undone, and the next one has its own watermark.
    record.watermark = own
  }
}
