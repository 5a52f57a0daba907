import { RefusedError } from '../errors/millrace-error.ts'
import { lateNode } from '../plan/step-parts.ts'
import { joinAllNode } from './join-nodes.ts'
import type { JoinAllOptions, SameKeys } from './join-options.ts'
import type { Keyed } from './keyed.ts'
import { PLAN, type StreamPlan } from './plan-value.ts'
import { Stream } from './stream.ts'

/** The streams that are joined, by the names that their records have in the results. */
export type StreamsByName = Readonly<Record<string, Stream<unknown, unknown>>>

type KeyIn<T> = T extends Stream<infer K, unknown> ? K : never
type ValueIn<T> = T extends Stream<unknown, infer V> ? V : never

/** A record of each stream. */
export type RecordOfEach<S> = { readonly [Name in keyof S]: ValueIn<S[Name]> }

/** Nothing if all streams have the same type of keys. Else what the compiler shows for those that differ, or may have no keys. */
export type JoinableStreams<S> = {
  readonly [Name in keyof S]: SameKeys<KeyIn<S[Name]>, KeyIn<S[keyof S]>> & Keyed<KeyIn<S[Name]>, unknown>
}

/** The result of joining several streams, by name. */
export class JoinedStreams<K, S> extends Stream<K, RecordOfEach<S>> {
  readonly #parts: ReadonlyMap<string, StreamPlan<unknown, unknown>>

  /** Not for jobs: start with `joinAll`. */
  constructor(plan: StreamPlan<K, RecordOfEach<S>>, parts: ReadonlyMap<string, StreamPlan<unknown, unknown>>) {
    super(plan)
    this.#parts = parts
    Object.freeze(this)
  }

  /**
   * The records of one of the streams that came too late to be joined, as they were. Throws `JOB_INVALID` for any other name.
   *
   * ```ts
   * const latePayments = settled.late('payments')
   * ```
   */
  late<Name extends keyof S & string>(name: Name): Stream<K, ValueIn<S[Name]>> {
    const { node } = this[PLAN]
    const port = [...this.#parts.keys()].indexOf(name)
    const part = this.#parts.get(name)
    if (part === undefined) {
      throw new RefusedError(
        'JOB_INVALID',
        `Step ${node.label} has no stream ${JSON.stringify(name)}. It has ${[...this.#parts.keys()].join(', ')}`,
      )
    }
    // The boundary at which the stream gets its types back: it was made from the stream of this name.
    const { key, value } = part as StreamPlan<K, ValueIn<S[Name]>>
    return new Stream({ kind: 'stream', node: lateNode(node, port), key, value, rekeyed: false })
  }
}

/**
 * Every combination of a record of each stream that have the same key, and of which the latest is at most `within` later than
 * the earliest. A combination is there as soon as the last of its records is, and has the latest time of them. The
 * combinations are the same in whatever order the records come, as long as none is late.
 *
 * ```ts
 * const done = joinAll(
 *   'done',
 *   { orders: stream(orders), payments: stream(payments), shipments: stream(shipments) },
 *   { within: '1d', grace: '1h' },
 * )
 * done.mapValues(({ orders, payments, shipments }) => ({ ...orders, paid: payments.cents, parcel: shipments.parcel }))
 * ```
 */
export function joinAll<S extends StreamsByName>(
  name: string,
  streams: S & JoinableStreams<S>,
  options: JoinAllOptions<RecordOfEach<S>>,
): JoinedStreams<KeyIn<S[keyof S]>, S> {
  // The order in which a job names the streams has no effect.
  const parts = new Map(
    Object.entries<Stream<unknown, unknown>>(streams)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([part, { [PLAN]: plan }]) => [part, plan]),
  )
  const node = joinAllNode(name, parts, options)
  const [first] = parts.values()
  const plan = { kind: 'stream', node, key: first?.key, value: options.value, rekeyed: false } as const
  return new JoinedStreams(plan as StreamPlan<KeyIn<S[keyof S]>, RecordOfEach<S>>, parts)
}
