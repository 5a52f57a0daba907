import { lateNode } from '../plan/step-parts.ts'
import type { StreamPlan } from './plan-value.ts'
import type { RowsPlan } from './rows.ts'
import type { Stream } from './stream.ts'
import { Table, type ToStream } from './table.ts'

/** A table that keeps the versions of its rows for a time: see `HistoryOptions`. */
export class VersionedTable<K, V> extends Table<K, V> {
  readonly #from: StreamPlan<K, V>

  /** Not for jobs. `from`: the stream whose latest values it has. */
  constructor(plan: RowsPlan<V>, from: StreamPlan<K, V>, toStream: ToStream) {
    super(plan, toStream)
    this.#from = { ...from, node: plan.node, rekeyed: false }
    Object.freeze(this)
  }

  /**
   * The records that came when their time was over for longer than the history is kept, as they were. They are not in the table.
   *
   * ```ts
   * job('bank', rates.late().to(lateRates))
   * ```
   */
  late(): Stream<K, V> {
    return this.toStream({ ...this.#from, node: lateNode(this.#from.node, 0) })
  }
}
