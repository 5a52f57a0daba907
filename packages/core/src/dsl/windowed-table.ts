import type { Serde } from '../contracts/serde.ts'
import type { AggregateNode } from '../plan/nodes/aggregate-nodes.ts'
import { lateNode } from '../plan/step-parts.ts'
import { tableWindow } from './fold.ts'
import type { StreamPlan, TablePlan } from './plan-value.ts'
import type { Stream } from './stream.ts'
import { Table, type ToStream } from './table.ts'
import type { Windowed } from './windowed.ts'

/** The stream that a windowed table was computed from. */
export interface WindowedInput<K, V> {
  readonly node: AggregateNode
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
}

/** A table by key and window, as a windowed aggregate makes it. `R` is what it was computed from. */
export class WindowedTable<K, V, R> extends Table<Windowed<K>, V> {
  readonly #input: WindowedInput<K, R>

  /** Not for jobs. */
  constructor(plan: TablePlan<V>, input: WindowedInput<K, R>, toStream: ToStream) {
    super(plan, toStream)
    this.#input = input
    Object.freeze(this)
  }

  /**
   * The records that came after one of their windows had closed, as they were, once each. They are not in the table.
   *
   * ```ts
   * job('flight-delays', delays, delays.late().to(lateFlights))
   * ```
   */
  late(): Stream<K, R> {
    const { node, key, value } = this.#input
    return this.toStream({ kind: 'stream', node: lateNode(node, 0), key, value, rekeyed: false })
  }
}

/** The table of a windowed aggregate over a stream. */
export function tableOfWindows<K, V, R>(
  { key, value: recordValue }: StreamPlan<K, R>,
  node: AggregateNode,
  value: Serde<V> | undefined,
  toStream: ToStream,
): WindowedTable<K, V, R> {
  const [{ key: rowKey }] = node.stores
  return new WindowedTable(
    { kind: 'table', node, rowKey, value, window: node.window && tableWindow(node.window) },
    { node, key, value: recordValue },
    toStream,
  )
}
