import type { RecordContext, Serde } from '@millrace/core'
import type { InstantEntry, InstantStore, StreamJoinNode } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime, PendingResults } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { freeEntry } from '../free-entry.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep, StepContext } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { Finals } from '../time/finals.ts'
import { isLate, type LateRecords, lateRecords, passLate } from '../time/late-records.ts'
import { TimedResultsOperator } from '../time/timed-results.ts'
import { joinedValue, type UserJoiner } from './joined-value.ts'

type Entry = InstantEntry<unknown, unknown>
type Store = InstantStore<unknown, unknown>

/** The ports of a join. */
const LEFT = 0
const RIGHT = 1

/** One side of a join, as its records are joined. */
interface Side {
  readonly step: string
  readonly join: UserJoiner
  /** This side's records are the left ones. */
  readonly isLeft: boolean
  readonly own: Store
  readonly others: Store
  /** How much earlier, and how much later, than a record of this side its partners may be, ms. */
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
  readonly value: Serde<unknown>
}

export const compileStreamJoin: CompileStep<StreamJoinNode> = (node, context) => {
  const time = context.timeBefore(node)
  const sides = sidesOf(node, time, context)
  const finals = sides.map((side, port) =>
    node.unmatched[port] ? finalsOf(node, port, side, time, context) : undefined,
  )
  const pending = finals.filter((each) => each !== undefined)
  if (pending.length > 0) context.holdBack(node, node.stores[LEFT].name, time, allOf(pending))
  return () => {
    const next = context.streamAfter(node)
    for (const [port, each] of finals.entries()) {
      const [side, store] = [sides[port], node.stores[port]]
      if (each === undefined || side === undefined || store === undefined) continue
      const unmatched = new UnmatchedOperator(side, context.record, next)
      const kept = context.resultsOf(node, anySerde(store.key), anySerde(store.value))
      each.next = new TimedResultsOperator(kept, each, context.units, unmatched)
    }
    return sides.map((side, port) => {
      const late = lateRecords(context.counts, context.lateAfter(node, port))
      return new StreamJoinOperator(side, time, context.record, late, next)
    })
  }
}

function sidesOf(node: StreamJoinNode, time: EventTime, context: StepContext): readonly [Side, Side] {
  const { label: step, reach, fn, stores } = node
  const [left, right] = [context.instantStore(stores[LEFT], time), context.instantStore(stores[RIGHT], time)]
  const { beforeMs, afterMs, graceMs } = reach
  const both = { step, join: fn as UserJoiner, graceMs }
  return [
    { ...both, isLeft: true, own: left, others: right, beforeMs, afterMs, value: anySerde(stores[LEFT].value) },
    // What is before a record for one side is after it for the other.
    {
      ...both,
      isLeft: false,
      own: right,
      others: left,
      beforeMs: afterMs,
      afterMs: beforeMs,
      value: anySerde(stores[RIGHT].value),
    },
  ]
}

/** Decides about the records of one side that have found no partner, once none can come any more. */
function finalsOf(
  node: StreamJoinNode,
  port: number,
  { own, afterMs, graceMs }: Side,
  time: EventTime,
  context: StepContext,
): Finals<Entry> {
  const name = node.stores[port]?.name ?? node.label
  // A partner of the last time that counts is late only behind a watermark that has passed its time by the grace.
  const completion = { delayMs: afterMs + graceMs + 1, resultMs: 0, advanceMs: 1 }
  const finals = new Finals(name, completion, time, own, ({ key }) => key, context.record)
  context.drive(finals)
  return finals
}

/** The results of several steps, as those of one. */
function allOf(steps: readonly PendingResults[]): PendingResults {
  return {
    get pendingFrom() {
      return Math.min(...steps.map(({ pendingFrom }) => pendingFrom))
    },
    get dueAt() {
      return Math.min(...steps.map(({ dueAt }) => dueAt))
    },
  }
}

/**
 * Joins each record of one side with the records of the other side that have come before it, and keeps it for those that come
 * later. So a pair is found once, in whatever order its records come. Tombstones end here: they have nothing to join.
 *
 * A record is late if the watermark of its source partition has passed its time by more than the grace, which depends on the
 * data alone. Until then the time of this step, which is never ahead of that watermark, has deleted no partner. A pair carries
 * the greater of the two watermarks: it depends on the pair, and not on which of the two came last.
 */
class StreamJoinOperator extends StreamOperator {
  readonly #side: Side
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #late: LateRecords
  readonly #next: StreamOperator

  constructor(side: Side, time: EventTime, record: CurrentRecord, late: LateRecords, next: StreamOperator) {
    super()
    this.#side = side
    this.#time = time
    this.#record = record
    this.#late = late
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    const { step, own, others, value: serde, beforeMs, afterMs, graceMs } = this.#side
    requireKey(step, key)
    const record = this.#record
    const watermark = Math.max(record.watermark, timestamp)
    if (isLate(record, this.#time, timestamp, graceMs)) {
      passLate(this.#late, key, value, timestamp)
      return
    }
    const kept = storedValue(step, serde, value, key)
    own.set(freeEntry(own, key, timestamp), kept, watermark)
    for (const other of others.ofKey(key, timestamp - beforeMs, timestamp + afterMs + 1)) {
      this.#join(key, kept, timestamp, watermark, other)
    }
  }

  #join(key: unknown, value: unknown, timestamp: number, watermark: number, other: Entry): void {
    const side = this.#side
    const record = this.#record
    const joined = side.isLeft
      ? joinedValue(side.step, side.join, value, other.value, key, record)
      : joinedValue(side.step, side.join, other.value, value, key, record)
    const own = record.watermark
    record.watermark = Math.max(watermark, other.time)
    this.#next.process(key, joined, Math.max(timestamp, other.at))
    // If a step behind throws, the whole record is undone, and the next one has its own watermark.
    record.watermark = own
  }
}

/** Passes on the records of one side that have no partner. */
class UnmatchedOperator extends TableOperator {
  readonly #side: Side
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(side: Side, context: RecordContext, next: StreamOperator) {
    super()
    this.#side = side
    this.#context = context
    this.#next = next
  }

  change(key: unknown, value: unknown, _old: unknown, timestamp: number): void {
    const { step, join, isLeft, others, beforeMs, afterMs } = this.#side
    for (const _partner of others.ofKey(key, timestamp - beforeMs, timestamp + afterMs + 1)) return
    const [left, right] = isLeft ? [value, null] : [null, value]
    this.#next.process(key, joinedValue(step, join, left, right, key, this.#context), timestamp)
  }
}
