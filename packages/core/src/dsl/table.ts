import type { Serde } from '../contracts/serde.ts'
import type { PlanNode, RecordContext, StorePlan } from '../plan/node.ts'
import { tableStep } from '../plan/step-parts.ts'
import { windowed } from '../serdes/windowed.ts'
import { PLAN, type StreamPlan, type TablePlan } from './plan-value.ts'
import { storePlan } from './store-plan.ts'
import type { Stream } from './stream.ts'

/** Makes a stream. It is passed down, so that streams and tables can be made from each other without an import cycle. */
export type ToStream = <K, V>(plan: StreamPlan<K, V>) => Stream<K, V>

/** How a table that is computed from another one keeps and writes its rows. */
export interface TableOptions<V> {
  /** Keeps the rows under this name, so that they can be viewed. Default: rows are computed when they change, and not kept. */
  readonly name?: string
  /** How the values are written. Default: as before if the value stays, else `json()`. */
  readonly value?: Serde<V>
}

/**
 * The latest value by key. A table that has a name is a view when it is an output of its job.
 *
 * Made by `table(topic, name)`, `toTable`, `count`, `reduce` and `aggregate`.
 */
export class Table<K, V> {
  readonly [PLAN]: TablePlan<V>
  /** Never set: it gives the compiler the type of the keys. */
  declare protected readonly keyType: K
  protected readonly toStream: ToStream

  /** Not for jobs. */
  constructor(plan: TablePlan<V>, toStream: ToStream) {
    this[PLAN] = Object.freeze(plan)
    this.toStream = toStream
    Object.freeze(plan.node)
    if (new.target === Table) Object.freeze(this)
  }

  /**
   * The table's changes as a stream: each key with its new value, or without a value if the row was deleted.
   *
   * ```ts
   * delays.changes().to(topic('delays', { key: windowed(string()), value: json<Delays>() }))
   * ```
   */
  changes(): Stream<K, V> {
    const { node, value, window } = this[PLAN]
    const changes = { ...tableStep('changes', node, undefined), kind: 'changes' } as const
    // The rows of a window are in the partition of their key, not in that of key and window together.
    return this.toStream({ kind: 'stream', node: changes, key: this.#key(), value, rekeyed: window !== undefined })
  }

  /**
   * The rows that the callback accepts. The callback may be called more than once for a row: its result must depend on
   * nothing else.
   *
   * ```ts
   * const busy = departures.filter((count) => count > 1000, { name: 'busy-airports' })
   * ```
   */
  filter<W extends V>(
    fn: (value: V, key: K, context: RecordContext) => value is W,
    options?: TableOptions<W>,
  ): Table<K, W>
  filter(fn: (value: V, key: K, context: RecordContext) => boolean, options?: TableOptions<V>): Table<K, V>
  filter(fn: (value: V, key: K, context: RecordContext) => boolean, options: TableOptions<V> = {}): Table<K, V> {
    const value = options.value ?? this[PLAN].value
    const store = this.#store(options.name, value)
    const node = { ...tableStep('filter', this[PLAN].node, store), kind: 'tableFilter', fn, keep: true } as const
    return this.#derived(node, value)
  }

  /**
   * A new value for each row. The callback may be called more than once for a row: its result must depend on nothing else.
   *
   * ```ts
   * const averages = delays.mapValues((total) => total.minutes / total.flights, { name: 'average-delays' })
   * ```
   */
  mapValues<V2>(fn: (value: V, key: K, context: RecordContext) => V2, options: TableOptions<V2> = {}): Table<K, V2> {
    const store = this.#store(options.name, options.value)
    const node = { ...tableStep('mapValues', this[PLAN].node, store), kind: 'tableMapValues', fn } as const
    return this.#derived(node, options.value)
  }

  #store<V2>(name: string | undefined, value: Serde<V2> | undefined): StorePlan | undefined {
    const { rowKey, window } = this[PLAN]
    return name === undefined ? undefined : storePlan(name, rowKey, value, window, false)
  }

  #derived<V2>(node: PlanNode, value: Serde<V2> | undefined): Table<K, V2> {
    const { rowKey, window } = this[PLAN]
    return new Table({ kind: 'table', node, rowKey, value, window }, this.toStream)
  }

  /** How keys of this table are written in a stream. */
  #key(): Serde<K> {
    const { rowKey, window } = this[PLAN]
    // At this boundary the plan's serde gets its type back: K is what the table was made with.
    return (window === undefined ? rowKey : windowed(rowKey)) as unknown as Serde<K>
  }
}
