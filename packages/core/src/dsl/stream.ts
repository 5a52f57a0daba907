import type { Serde } from '../contracts/serde.ts'
import type { RecordContext } from '../plan/callback.ts'
import type { PlanNode } from '../plan/node.ts'
import { PASSES_ALL, seenBy } from '../plan/step-flow.ts'
import { lateNode, recordStep } from '../plan/step-parts.ts'
import { type Branch, type Branches, otherwise } from './branches.ts'
import { repartitionNode } from './copartitioned.ts'
import { GroupedStream } from './grouped-stream.ts'
import type { Keyed } from './keyed.ts'
import { type Output, outputTo } from './output.ts'
import { PLAN, planSerde, type StreamPlan } from './plan-value.ts'
import type { ProcessStep } from './process-node.ts'
import { type OutputStreams, outputStreams, type StateViews, stateViews } from './processed-parts.ts'
import { type AnyRowsOptions, rowsOf } from './rows.ts'
import type { HistoryOptions, RowsOptions } from './rows-options.ts'
import { StreamErrors } from './stream-errors.ts'
import { looksAt, rekeys, sameSerde } from './stream-flows.ts'
import type { LatePlans } from './stream-joins.ts'
import type { RecordSerdes, RepartitionOptions, TopicChoice } from './stream-options.ts'
import { Table } from './table.ts'
import type { SinkTopic } from './topic.ts'
import { VersionedTable } from './versioned-table.ts'

/**
 * A stream of records. Its steps take callbacks `(value, key, context)`. Each step gives a new stream and leaves this one as
 * it is. Callbacks must be synchronous. They never see deletions (records without a value): steps that make new keys or any
 * number of records leave deletions out, all other steps pass them on. If a topic has no keys, its records have `null` for a
 * key; steps that work by key do not compile for them.
 */
export class Stream<K, V> extends StreamErrors<K, V> {
  readonly [PLAN]: StreamPlan<K, V>

  /** Not for jobs: start with `stream(topic)`. */
  constructor(plan: StreamPlan<K, V>) {
    super()
    this[PLAN] = Object.freeze(plan)
    Object.freeze(plan.node)
    if (new.target === Stream) Object.freeze(this)
  }

  /**
   * New key and value for each record.
   *
   * ```ts
   * stream(flights).map((flight) => [flight.destination, flight.delay], { key: string(), value: int32() })
   * ```
   */
  map<K2, V2>(
    fn: (value: V, key: K, context: RecordContext) => readonly [K2, V2],
    serdes: RecordSerdes<K2, V2> = {},
  ): Stream<K2, V2> {
    const flow = { keepsKey: false, keepsValue: false, ...seenBy(fn) }
    const node = { ...recordStep('map', this.#node, flow), kind: 'map', fn } as const
    return new Stream({ kind: 'stream', node, key: serdes.key, value: serdes.value, rekeyed: true })
  }

  /**
   * A new value for each record; its key stays.
   *
   * ```ts
   * stream(flights).mapValues((flight) => flight.delay)
   * ```
   */
  mapValues<V2>(fn: (value: V, key: K, context: RecordContext) => V2, value?: Serde<V2>): Stream<K, V2> {
    const flow = { keepsKey: true, keepsValue: false, ...seenBy(fn) }
    return this.withValue({ ...recordStep('mapValues', this.#node, flow), kind: 'mapValues', fn }, value)
  }

  /**
   * The records that the callback accepts. A type guard narrows the stream's type.
   *
   * ```ts
   * stream(flights).filter((flight) => flight.delay > 15)
   * ```
   */
  filter<W extends V>(fn: (value: V, key: K, context: RecordContext) => value is W): Stream<K, W>
  filter(fn: (value: V, key: K, context: RecordContext) => boolean): Stream<K, V>
  filter(fn: (value: V, key: K, context: RecordContext) => boolean): Stream<K, V> {
    return this.after({ ...recordStep('filter', this.#node, looksAt(fn)), kind: 'filter', fn, keep: true })
  }

  /**
   * The records that the callback does not accept.
   *
   * ```ts
   * stream(flights).filterNot((flight) => flight.cancelled)
   * ```
   */
  filterNot<W extends V>(fn: (value: V, key: K, context: RecordContext) => value is W): Stream<K, Exclude<V, W>>
  filterNot(fn: (value: V, key: K, context: RecordContext) => boolean): Stream<K, V>
  filterNot(fn: (value: V, key: K, context: RecordContext) => boolean): Stream<K, V> {
    return this.after({ ...recordStep('filterNot', this.#node, looksAt(fn)), kind: 'filter', fn, keep: false })
  }

  /**
   * Any number of new keys and values for each record.
   *
   * ```ts
   * stream(flights).flatMap((flight) => [[flight.origin, 'departure'], [flight.destination, 'arrival']])
   * ```
   */
  flatMap<K2, V2>(
    fn: (value: V, key: K, context: RecordContext) => Iterable<readonly [K2, V2]>,
    serdes: RecordSerdes<K2, V2> = {},
  ): Stream<K2, V2> {
    const flow = { keepsKey: false, keepsValue: false, ...seenBy(fn) }
    const node = { ...recordStep('flatMap', this.#node, flow), kind: 'flatMap', fn } as const
    return new Stream({ kind: 'stream', node, key: serdes.key, value: serdes.value, rekeyed: true })
  }

  /**
   * Any number of new values for each record; its key stays.
   *
   * ```ts
   * stream(orders).flatMapValues((order) => order.lines)
   * ```
   */
  flatMapValues<V2>(fn: (value: V, key: K, context: RecordContext) => Iterable<V2>, value?: Serde<V2>): Stream<K, V2> {
    const flow = { keepsKey: true, keepsValue: false, ...seenBy(fn) }
    return this.withValue({ ...recordStep('flatMapValues', this.#node, flow), kind: 'flatMapValues', fn }, value)
  }

  /**
   * A new key for each record; its value stays. The next step that keeps state first sends the records through a repartition
   * topic, so that equal keys meet.
   *
   * ```ts
   * stream(flights).keyBy((flight) => flight.destination, string())
   * ```
   */
  keyBy<K2>(fn: (value: V, key: K, context: RecordContext) => K2, key?: Serde<K2>): Stream<K2, V> {
    const node = { ...recordStep('keyBy', this.#node, rekeys(fn)), kind: 'keyBy', fn } as const
    return new Stream({ kind: 'stream', node, key, value: this[PLAN].value, rekeyed: true })
  }

  /**
   * Groups the records by a key of your choice, to be counted, reduced or aggregated.
   *
   * ```ts
   * stream(flights).groupBy((flight) => flight.destination, string()).count('arrivals')
   * ```
   */
  groupBy<K2>(fn: (value: V, key: K, context: RecordContext) => K2, key?: Serde<K2>): Keyed<K2, GroupedStream<K2, V>>
  groupBy<K2>(fn: (value: V, key: K, context: RecordContext) => K2, key?: Serde<K2>): GroupedStream<K2, V> {
    const node = { ...recordStep('groupBy', this.#node, rekeys(fn)), kind: 'keyBy', fn } as const
    return new GroupedStream({ kind: 'stream', node, key, value: this[PLAN].value, rekeyed: true }, toStream)
  }

  /**
   * Groups the records by the key that they have.
   *
   * ```ts
   * stream(flights).groupByKey().count('departures')
   * ```
   */
  groupByKey<Key>(this: Stream<Key, V> & Keyed<Key, unknown>): GroupedStream<Key, V>
  groupByKey(): GroupedStream<K, V> {
    return new GroupedStream(this[PLAN], toStream)
  }

  /**
   * The records of this stream and of others. Their topics must have the same number of partitions.
   *
   * ```ts
   * stream(departures).merge(stream(arrivals))
   * ```
   */
  merge<K2, V2>(...others: readonly Stream<K2, V2>[]): Stream<K | K2, V | V2> {
    const plans: readonly StreamPlan<K | K2, V | V2>[] = [this[PLAN], ...others.map((other) => other[PLAN])]
    const inputs = plans.map((plan) => plan.node)
    const takes = inputs.map(() => 'records' as const)
    const node = { ...recordStep('merge', this.#node, PASSES_ALL), kind: 'merge', inputs, takes } as const
    const key = sameSerde(plans.map((plan) => plan.key))
    const value = sameSerde(plans.map((plan) => plan.value))
    // Equal keys that are written in different ways are in different partitions.
    const rekeyed = key === undefined || plans.some((plan) => plan.rekeyed)
    return new Stream({ kind: 'stream', node, key, value, rekeyed })
  }

  /**
   * Named streams: each record goes to the first branch whose callback accepts it, or to the one marked `otherwise`. A record
   * that no branch accepts goes nowhere.
   *
   * ```ts
   * const { late, onTime } = stream(flights).split({ late: (flight) => flight.delay > 15, onTime: otherwise })
   * ```
   */
  split<B extends Readonly<Record<string, Branch<K, V>>>>(branches: B): Branches<B, K, V>
  split(branches: Readonly<Record<string, Branch<K, V>>>): Readonly<Record<string, Stream<K, V>>> {
    const before: Exclude<Branch<K, V>, typeof otherwise>[] = []
    // `otherwise` takes what no other branch accepts, wherever it stands.
    const ordered = Object.entries(branches).sort(([, a], [, b]) => Number(a === otherwise) - Number(b === otherwise))
    const streams = ordered.map(([name, branch]): [string, Stream<K, V>] => {
      const fn = branch === otherwise ? undefined : branch
      const earlier = [...before]
      if (fn !== undefined) before.push(fn)
      const parts = recordStep('split', this.#node, looksAt(...before), name)
      const node = { ...parts, kind: 'branch', before: earlier, fn } as const
      return [name, this.after(node)]
    })
    return Object.freeze(Object.fromEntries(streams))
  }

  /**
   * Calls the callback for each record and passes the record on. Use it to look at records; after a crash it may see records
   * again.
   *
   * ```ts
   * stream(flights).peek((flight) => console.log(flight.origin))
   * ```
   */
  peek(fn: (value: V, key: K, context: RecordContext) => void): Stream<K, V> {
    return this.after({ ...recordStep('peek', this.#node, looksAt(fn)), kind: 'peek', fn })
  }

  /**
   * Sends the records through a topic that the job owns, partitioned by key. Use it to spread work, or to share one such
   * topic between several steps that need it.
   *
   * ```ts
   * const byDestination = stream(flights).keyBy((flight) => flight.destination, string()).repartition('by-destination')
   * ```
   */
  repartition<Key>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    options?: RepartitionOptions,
  ): Stream<Key, V>
  repartition(name: string, options: RepartitionOptions = {}): Stream<K, V> {
    const { key, value } = this[PLAN]
    const node = repartitionNode(this[PLAN], name, options.partitions)
    return new Stream({ kind: 'stream', node, key, value, rekeyed: false })
  }

  /**
   * Appends the records to a topic: an output for `job(…)`. The topic may be chosen per record, and must then exist. The
   * first record that names a topic may be processed twice, as after a crash, and has its effects once.
   *
   * ```ts
   * stream(flights).filter((flight) => flight.delay > 15).to(lateFlights)
   * stream(flights).to((flight) => `flights-${flight.origin}`, { key: string(), value: json() })
   * ```
   */
  to(choose: TopicChoice<K, V>, serdes: RecordSerdes<K, V>): Output
  // When a call does not compile, the compiler explains the mistake by the last overload.
  to(target: SinkTopic<K, V> | TopicChoice<K, V>): Output
  to(target: SinkTopic<K, V> | TopicChoice<K, V>, serdes: RecordSerdes<K, V> = {}): Output {
    if (typeof target !== 'function') return outputTo(this.#node, target[PLAN].source.topic)
    const { key, value } = this[PLAN]
    return outputTo(this.#node, {
      choose: target,
      key: planSerde(serdes.key ?? key),
      value: planSerde(serdes.value ?? value),
    })
  }

  /**
   * Keeps the latest value of each key, under a name; a record without a value deletes the row.
   *
   * ```ts
   * const airports = stream(airportChanges).toTable('airports')
   * const online = stream(heartbeats).toTable('online', { ttl: '5m' })
   * const rates = stream(rateChanges).toTable('rates', { history: '1h' })
   * ```
   */
  toTable<Key>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    options: HistoryOptions,
  ): VersionedTable<Key, V>
  toTable<Key>(this: Stream<Key, V> & Keyed<Key, unknown>, name: string, options?: RowsOptions): Table<Key, V>
  toTable(name: string, options: AnyRowsOptions = {}): Table<K, V> {
    const plan = rowsOf(this[PLAN], name, options)
    return plan.node.history === undefined ? new Table(plan, toStream) : new VersionedTable(plan, this[PLAN], toStream)
  }

  protected joined<R, W>(result: StreamPlan<K, R>, late: LatePlans<K, V, W>): JoinedStream<K, R, V, W> {
    return new JoinedStream(result, late)
  }

  protected timely<R>(plan: StreamPlan<K, R>, from: StreamPlan<K, V>): TimelyStream<K, R, V> {
    return new TimelyStream(plan, from)
  }

  protected processed<R, S, O>(plan: StreamPlan<K, R>, step: ProcessStep): ProcessedStream<K, R, S, O> {
    return new ProcessedStream(plan, step)
  }

  get #node(): PlanNode {
    return this[PLAN].node
  }

  protected after(node: PlanNode): Stream<K, V> {
    return new Stream({ ...this[PLAN], node })
  }

  protected withValue<V2>(node: PlanNode, value: Serde<V2> | undefined): Stream<K, V2> {
    return new Stream({ ...this[PLAN], node, value })
  }
}

/** The result of joining two streams, of values `V` and `W`. */
export class JoinedStream<K, R, V, W> extends Stream<K, R> {
  readonly #late: LatePlans<K, V, W>

  /** Not for jobs. */
  constructor(plan: StreamPlan<K, R>, late: LatePlans<K, V, W>) {
    super(plan)
    this.#late = late
    Object.freeze(this)
  }

  /** The records of the left stream that came too late to be joined, as they were. */
  lateLeft(): Stream<K, V> {
    return lateOf(this[PLAN].node, 0, this.#late.left)
  }

  /** As `lateLeft`, of the right stream. */
  lateRight(): Stream<K, W> {
    return lateOf(this[PLAN].node, 1, this.#late.right)
  }
}

/** A stream, of values `R`, of what came in time to a step that takes values `V`. */
export class TimelyStream<K, R, V> extends Stream<K, R> {
  readonly #from: StreamPlan<K, V>

  /** Not for jobs. */
  constructor(plan: StreamPlan<K, R>, from: StreamPlan<K, V>) {
    super(plan)
    this.#from = from
    Object.freeze(this)
  }

  /** The records that came too late, as they were. The step has passed over them. */
  late(): Stream<K, V> {
    return lateOf(this.#from.node, 0, this.#from)
  }
}

/** What a step of the user's own emits, of values `R`, with its side outputs `O` and its state `S`. */
export class ProcessedStream<K, R, S, O> extends Stream<K, R> {
  /** What the step emits to each of its side outputs. */
  readonly outputs: OutputStreams<K, O>
  /** The values and maps that the step keeps, to be outputs of the job as views. A view may show a while longer what is gone. */
  readonly views: StateViews<K, S>

  /** Not for jobs. */
  constructor(plan: StreamPlan<K, R>, step: ProcessStep) {
    super(plan)
    this.outputs = outputStreams(plan, step, toStream)
    this.views = stateViews(step, toStream)
    Object.freeze(this)
  }
}

function toStream<K, V>(plan: StreamPlan<K, V>): Stream<K, V> {
  return new Stream(plan)
}

/** The records that came too late to a port of a step. */
function lateOf<K, V>(node: PlanNode, port: number, { key, value }: StreamPlan<K, V>): Stream<K, V> {
  return new Stream({ kind: 'stream', node: lateNode(node, port), key, value, rekeyed: false })
}
