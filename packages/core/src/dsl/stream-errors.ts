import { type ErrorPolicy, policyText } from '../plan/error-policies.ts'
import type { PlanNode } from '../plan/node.ts'
import { PASSES_ALL } from '../plan/step-flow.ts'
import { recordStep } from '../plan/step-parts.ts'
import { PLAN } from './plan-value.ts'
import type { Stream } from './stream.ts'
import { StreamAsync } from './stream-async.ts'

/** The error policy of the steps of a stream. */
export abstract class StreamErrors<K, V> extends StreamAsync<K, V> {
  /** The stream that a step passes on as it is. */
  protected abstract after(node: PlanNode): Stream<K, V>

  /**
   * Chooses what happens with a record that fails in any step from here on: `fail`, `skip`, or `deadLetter('topic')`. It counts for
   * every step that is made from this stream, through tables and repartition topics, until the next `onError`. Steps before it,
   * and beside it, keep their policy. A step of several streams or tables has the policy of the one on which it was called.
   *
   * A record fails as a whole: it has no effect in any branch of its task, and the policy of the step in which it failed decides
   * about it. Without `onError`, a step has the job's policy `callback`.
   *
   * ```ts
   * stream(orders).onError(deadLetter('orders-unpriced')).mapValues(priced).onError('fail').to(pricedOrders)
   * ```
   */
  onError(policy: ErrorPolicy): Stream<K, V> {
    const parts = recordStep('onError', this[PLAN].node, PASSES_ALL)
    return this.after({ ...parts, label: `onError ${policyText(policy)}`, kind: 'errorPolicy', policy })
  }
}
