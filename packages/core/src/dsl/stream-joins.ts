import { RefusedError } from '../errors/millrace-error.ts'
import type { Callback, Joiner, RecordContext } from '../plan/callback.ts'
import type { GlobalTable } from './global-table.ts'
import {
  asOfJoinNode,
  globalLookupNode,
  type JoinWord,
  streamJoinNode,
  tableLookupNode,
  versionLookupNode,
} from './join-nodes.ts'
import type { AsOfOptions, SameKeys, StreamJoinOptions, TableJoinOptions } from './join-options.ts'
import type { Keyed } from './keyed.ts'
import { PLAN, planOf, type StreamPlan, type TablePlan } from './plan-value.ts'
import type { JoinedStream, Stream, TimelyStream } from './stream.ts'
import { StreamProcess } from './stream-process.ts'
import type { Table } from './table.ts'
import type { JoinedTableOptions } from './table-join.ts'
import type { VersionedTable } from './versioned-table.ts'

/** The joins of a stream. Each has a name: that of its state. */
export abstract class StreamJoins<K, V> extends StreamProcess<K, V> {
  /** Makes the stream of a join's results, by key; `late` is what the join was made from. */
  protected abstract joined<R, W>(result: StreamPlan<K, R>, late: LatePlans<K, V, W>): JoinedStream<K, R, V, W>
  /** Makes a stream, of values `R`. Records of values `V` may come too late for the step of `from`. */
  protected abstract timely<R>(plan: StreamPlan<K, R>, from: StreamPlan<K, V>): TimelyStream<K, R, V>

  /**
   * Pairs of records of this stream and another one that have the same key and are near in event time; or each record with the
   * row that a table has when the record is processed. What has no partner is left out.
   *
   * The pairs of two streams are the same in whatever order the records come, as long as none is late. A pair has the later
   * time of the two.
   *
   * ```ts
   * stream(orders).join('paid', stream(payments), (order, payment) => ({ ...order, ...payment }), { within: '1h' })
   * stream(orders).join('with-customer', customers, (order, customer) => ({ ...order, city: customer.city }))
   * stream(orders).join('with-shop', globalTable(shops), (order) => order.shop, (order, shop) => ({ ...order, shop }))
   * ```
   */
  join<K2, W, R>(
    name: string,
    table: GlobalTable<K2, W>,
    keyOf: (value: V, key: K, context: RecordContext) => NoInfer<K2> | null,
    fn: (value: V, row: W, key: K, context: RecordContext) => R,
    options?: JoinedTableOptions<R>,
  ): Stream<K, R>
  join<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    table: Table<K2, W> & SameKeys<Key, K2>,
    fn: (value: V, row: W, key: Key, context: RecordContext) => R,
    options: TableJoinOptions<R> & { readonly asOf: AsOfOptions },
  ): JoinedStream<Key, R, V, W>
  join<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    table: VersionedTable<K2, W> & SameKeys<Key, K2>,
    fn: (value: V, row: W, key: Key, context: RecordContext) => R,
    options?: JoinedTableOptions<R>,
  ): TimelyStream<Key, R, V>
  join<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    table: Table<K2, W> & SameKeys<Key, K2>,
    fn: (value: V, row: W, key: Key, context: RecordContext) => R,
    options?: TableJoinOptions<R>,
  ): Stream<Key, R>
  join<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    other: Stream<K2, W> & SameKeys<Key, K2>,
    fn: (left: V, right: W, key: Key, context: RecordContext) => R,
    options: StreamJoinOptions<R>,
  ): JoinedStream<Key, R, V, W>
  join(name: string, other: unknown, ...how: readonly unknown[]): unknown {
    return this.#join('join', name, other, how)
  }

  /**
   * As `join`, and also the records of this stream that have no partner: the callback gets null for it. With another stream, such a
   * record is passed on once, with its own time, when no partner can come any more.
   *
   * ```ts
   * stream(orders).leftJoin('paid', stream(payments), (order, payment) => ({ order, paid: payment !== null }), { within: '1h' })
   * ```
   */
  leftJoin<K2, W, R>(
    name: string,
    table: GlobalTable<K2, W>,
    keyOf: (value: V, key: K, context: RecordContext) => NoInfer<K2> | null,
    fn: (value: V, row: W | null, key: K, context: RecordContext) => R,
    options?: JoinedTableOptions<R>,
  ): Stream<K, R>
  leftJoin<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    table: Table<K2, W> & SameKeys<Key, K2>,
    fn: (value: V, row: W | null, key: Key, context: RecordContext) => R,
    options: TableJoinOptions<R> & { readonly asOf: AsOfOptions },
  ): JoinedStream<Key, R, V, W>
  leftJoin<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    table: VersionedTable<K2, W> & SameKeys<Key, K2>,
    fn: (value: V, row: W | null, key: Key, context: RecordContext) => R,
    options?: JoinedTableOptions<R>,
  ): TimelyStream<Key, R, V>
  leftJoin<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    table: Table<K2, W> & SameKeys<Key, K2>,
    fn: (value: V, row: W | null, key: Key, context: RecordContext) => R,
    options?: TableJoinOptions<R>,
  ): Stream<Key, R>
  leftJoin<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    other: Stream<K2, W> & SameKeys<Key, K2>,
    fn: (left: V, right: W | null, key: Key, context: RecordContext) => R,
    options: StreamJoinOptions<R>,
  ): JoinedStream<Key, R, V, W>
  leftJoin(name: string, other: unknown, ...how: readonly unknown[]): unknown {
    return this.#join('leftJoin', name, other, how)
  }

  /**
   * As `join`, and also the records of both streams that have no partner: the callback gets null for it.
   *
   * ```ts
   * stream(sent).outerJoin('delivery', stream(received), (sent, received) => ({ sent, received }), { within: '10m' })
   * ```
   */
  outerJoin<Key, K2, W, R>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    other: Stream<K2, W> & SameKeys<Key, K2>,
    fn: (left: V | null, right: W | null, key: Key, context: RecordContext) => R,
    options: StreamJoinOptions<R>,
  ): JoinedStream<Key, R, V, W>
  outerJoin(name: string, other: unknown, fn: Joiner, options?: unknown): unknown {
    return this.#join('outerJoin', name, other, [fn, options])
  }

  #join(word: JoinWord, name: string, other: unknown, how: readonly unknown[]): Stream<K, unknown> {
    const left = this[PLAN]
    const right = planOf(other)
    if (right?.kind === 'globalTable' && word !== 'outerJoin') {
      const [keyOf, joiner, written] = how as readonly [Callback, Joiner, unknown]
      const node = globalLookupNode(word, name, left, right, keyOf, joiner)
      return this.joined({ ...resultOf(left, node, written), rekeyed: left.rekeyed }, { left, right: left })
    }
    const [fn, options] = how as readonly [Joiner, unknown]
    if (right?.kind === 'table') return this.#joinTable(word, name, right, fn, options)
    if (right?.kind !== 'stream') {
      throw new RefusedError(
        'JOB_INVALID',
        `Step ${word} "${name}" joins a stream with a stream or a table, and got neither`,
      )
    }
    // Without the option, validation reports what is missing.
    const { within = Number.NaN, grace } = (options ?? {}) as Partial<StreamJoinOptions<unknown>>
    const rightPlan = right as StreamPlan<K, unknown>
    const node = streamJoinNode(word, name, left, rightPlan, fn, { within, ...(grace !== undefined && { grace }) })
    return this.joined(resultOf(left, node, options), { left, right: rightPlan })
  }

  #joinTable(
    word: JoinWord,
    name: string,
    table: TablePlan<unknown>,
    fn: Joiner,
    options: unknown,
  ): Stream<K, unknown> {
    const left = this[PLAN]
    const { node: rows, rowKey, value, window } = table
    const { asOf } = (options ?? {}) as TableJoinOptions<unknown>
    const history = rows.kind === 'toTable' ? rows.history : undefined
    if (asOf === undefined && history !== undefined) {
      const node = versionLookupNode(word, name, left, table, history, fn)
      return this.timely(resultOf(left, node, options), { ...left, node })
    }
    const node =
      asOf === undefined || window !== undefined
        ? tableLookupNode(word, name, left, table, fn)
        : asOfJoinNode(word, name, left, table, fn, asOf)
    const key = rowKey as StreamPlan<K, unknown>['key']
    const right = { kind: 'stream', node: rows, key, value, rekeyed: false } as const
    return this.joined(resultOf(left, node, options), { left, right })
  }
}

/** The streams whose late records a join passes on. */
export interface LatePlans<K, V, W> {
  readonly left: StreamPlan<K, V>
  readonly right: StreamPlan<K, W>
}

/** The stream of a join's results, by the key of its left side. */
function resultOf<K>(
  left: StreamPlan<K, unknown>,
  node: StreamPlan<K, unknown>['node'],
  options: unknown,
): StreamPlan<K, unknown> {
  const { value } = (options ?? {}) as TableJoinOptions<unknown>
  return { kind: 'stream', node, key: left.key, value, rekeyed: false }
}
