import { asyncNode, effectNode, lookupNode } from './async-node.ts'
import type { AsyncContext, EffectOptions, JoinRemoteOptions, MapAsyncOptions } from './async-options.ts'
import { type Output, outputOf } from './output.ts'
import { PLAN } from './plan-value.ts'
import type { Stream } from './stream.ts'
import { StreamDedupe } from './stream-dedupe.ts'

/** The steps of a stream that call the outside world. */
export abstract class StreamAsync<K, V> extends StreamDedupe<K, V> {
  /**
   * A new value for each record, from a callback that may wait: for a service, a database, a file. The key stays. The step has a
   * name: that of its state, which has the records whose calls are not done. A commit never waits for a call. After a crash, the
   * calls that were not done are made again, and each record has one result.
   *
   * A call that fails, after all of its tries, or returns undefined, is under the job's error policy. Deletions pass, in their place.
   *
   * ```ts
   * stream(payments).mapAsync('rates', async ({ currency, cents }, _key, { signal }) => {
   *   const response = await fetch(`https://rates.example/${currency}`, { signal })
   *   return { cents, rate: Number(await response.text()) }
   * }, { timeout: '5s', retry: { times: 3 } })
   * ```
   */
  mapAsync<R>(
    name: string,
    fn: (value: V, key: K, context: AsyncContext) => Promise<R>,
    options: MapAsyncOptions<R> = {},
  ): Stream<K, R> {
    return this.withValue(asyncNode(this[PLAN], 'mapAsync', 'value', { ...options, name, fn }), options.value)
  }

  /**
   * As `mapAsync`, with any number of new values for each record: the callback's promise gives an iterable of them. They leave
   * together.
   *
   * ```ts
   * stream(carts).flatMapAsync('offers', async ({ items }, _key, { signal }) => offersFor(items, signal), { concurrency: 4 })
   * ```
   */
  flatMapAsync<R>(
    name: string,
    fn: (value: V, key: K, context: AsyncContext) => Promise<Iterable<R>>,
    options: MapAsyncOptions<R> = {},
  ): Stream<K, R> {
    return this.withValue(asyncNode(this[PLAN], 'flatMapAsync', 'values', { ...options, name, fn }), options.value)
  }

  /**
   * Each record with what the outside world has for it: as `mapAsync`, with answers that are remembered for a while, and shared by the
   * records with the same id.
   *
   * ```ts
   * stream(payments).joinRemote('rates', {
   *   by: ({ currency }) => currency,
   *   lookup: (currency, { signal }) => rateOf(currency, signal),
   *   join: ({ cents }, rate) => ({ cents, rate }),
   *   cache: { ttl: '10m' },
   * })
   * ```
   */
  joinRemote<Id extends string | number, W, R>(name: string, options: JoinRemoteOptions<K, V, Id, W, R>): Stream<K, R> {
    return this.withValue(lookupNode(this[PLAN], name, options), options.value)
  }

  /**
   * Does something in the outside world for each record: an output for `job(…)`. The callback is called until its promise resolves,
   * which acknowledges the record, and again after a crash before that. Pass on `idempotencyKey`, so that the callee acts
   * once. Calls of equal keys are made one after the other, in the order of their records. What fails after all of its tries is under
   * the job's error policy.
   *
   * ```ts
   * const mails = stream(orders).effect('mails', async (order, _id, { idempotencyKey, signal }) => {
   *   await sendMail(order, { idempotencyKey, signal })
   * })
   * job('orders', mails).onError({ callback: deadLetter('orders-without-mail') })
   * ```
   */
  effect(
    name: string,
    fn: (value: V, key: K, context: AsyncContext) => Promise<unknown>,
    options: EffectOptions = {},
  ): Output {
    return outputOf(effectNode(this[PLAN], { ...options, name, fn }))
  }
}
