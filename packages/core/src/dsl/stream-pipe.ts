import type { OperatorFunction } from 'rxjs'
import type { Serde } from '../contracts/serde.ts'
import type { PlanNode } from '../plan/node.ts'
import { PASSES_ALL } from '../plan/step-flow.ts'
import { recordStep } from '../plan/step-parts.ts'
import { PLAN, type StreamPlan } from './plan-value.ts'
import type { Stream } from './stream.ts'
import { connectAll } from './stream-flows.ts'

/** The step of a stream that runs RxJS operators. */
export abstract class StreamPipe<K, V> {
  abstract readonly [PLAN]: StreamPlan<K, V>
  /** Makes the stream behind a step that keeps keys. */
  protected abstract withValue<V2>(node: PlanNode, value: Serde<V2> | undefined): Stream<K, V2>

  /**
   * Runs RxJS operators over the values; the key stays. The operators must be synchronous. What they remember is not state:
   * it is lost when the job stops, and it stays when a later step fails for the record. Use aggregates for what must last.
   *
   * ```ts
   * stream(prices).pipe(pairwise(), map(([before, now]) => now - before))
   * ```
   */
  pipe<A>(a: OperatorFunction<V, A>): Stream<K, A>
  pipe<A, B>(a: OperatorFunction<V, A>, b: OperatorFunction<A, B>): Stream<K, B>
  pipe<A, B, C>(a: OperatorFunction<V, A>, b: OperatorFunction<A, B>, c: OperatorFunction<B, C>): Stream<K, C>
  pipe<A, B, C, D>(
    a: OperatorFunction<V, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
  ): Stream<K, D>
  pipe<A, B, C, D, E>(
    a: OperatorFunction<V, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
  ): Stream<K, E>
  pipe(...operators: readonly OperatorFunction<never, unknown>[]): Stream<K, unknown> {
    const flow = { ...PASSES_ALL, keepsValue: false, readsValue: true }
    const connect = connectAll(operators)
    return this.withValue({ ...recordStep('pipe', this[PLAN].node, flow), kind: 'pipe', connect }, undefined)
  }
}
