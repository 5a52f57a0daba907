import type { VersionLookupNode } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { IGNORE, StreamOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import type { RowVersions } from '../tables/row-versions.ts'
import { isLate, type LateRecords, lateRecords, passLate } from '../time/late-records.ts'
import { joinedValue, type UserJoiner } from './joined-value.ts'

export const compileVersionLookup: CompileStep<VersionLookupNode> = (node, context) => {
  const time = context.timeBefore(node)
  const versions = context.rowVersions(node.history, time)
  return () => {
    const late = lateRecords(context.counts, context.lateAfter(node))
    const next = context.streamAfter(node)
    // The table has changed its versions already.
    return [new VersionLookupOperator(node, versions, time, context.record, late, next), IGNORE]
  }
}

/** Joins each record with the row as of its time. Tombstones end here: they have nothing to join. */
class VersionLookupOperator extends StreamOperator {
  readonly #node: VersionLookupNode
  readonly #versions: RowVersions
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #late: LateRecords
  readonly #next: StreamOperator

  constructor(
    node: VersionLookupNode,
    versions: RowVersions,
    time: EventTime,
    record: CurrentRecord,
    late: LateRecords,
    next: StreamOperator,
  ) {
    super()
    this.#node = node
    this.#versions = versions
    this.#time = time
    this.#record = record
    this.#late = late
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    const { label, history, fn, unmatched } = this.#node
    requireKey(label, key)
    if (isLate(this.#record, this.#time, timestamp, history.keptMs)) {
      passLate(this.#late, key, value, timestamp)
      return
    }
    const row = this.#versions.asOf(key, timestamp)
    if (row === null && !unmatched) return
    this.#next.process(key, joinedValue(label, fn as UserJoiner, value, row, key, this.#record), timestamp)
  }
}
