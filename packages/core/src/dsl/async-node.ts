import type { CallPlan } from '../plan/call-plan.ts'
import type { AsyncNode } from '../plan/nodes/async-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { storeStep } from '../plan/step-parts.ts'
import { json } from '../serdes/json.ts'
import { int64 } from '../serdes/numbers.ts'
import { pendingCall } from '../serdes/pending-call.ts'
import { string } from '../serdes/string.ts'
import type { CallOptions } from './async-options.ts'
import { durationMs } from './duration.ts'
import { planSerde, type StreamPlan } from './plan-value.ts'
import { storePlan } from './store-plan.ts'

const CONCURRENCY = 16
const TIMEOUT = '30s'
const BACKOFF = '1s'
const LONGEST_BACKOFF = '1m'

/** The step that calls a function for each record of a stream, which may wait. */
export function asyncNode<K, V>(
  plan: StreamPlan<K, V>,
  word: string,
  name: string,
  fn: AsyncNode['fn'],
  options: CallOptions,
): AsyncNode {
  const [key, value] = [planSerde(plan.key), planSerde(plan.value)]
  const pending = planSerde(pendingCall(plan.key ?? json(), plan.value ?? json()))
  const calls = Object.freeze({
    ...storePlan(name, planSerde(int64()), undefined, undefined, false),
    value: pending,
    shape: { kind: 'sorted' as const, order: planSerde(int64()) },
  })
  const progress = storePlan(`${name}.progress`, planSerde(string()), json<object>(), undefined, false)
  const parts = storeStep(word, plan.node, calls, READS_ALL)
  return Object.freeze({
    ...parts,
    kind: 'async',
    stores: [calls, progress] as const,
    name,
    key,
    value,
    fn,
    calls: callPlan(options),
  })
}

function callPlan({ concurrency = CONCURRENCY, order = 'input', timeout = TIMEOUT, retry }: CallOptions): CallPlan {
  const backoffMs = durationMs(retry?.backoff ?? BACKOFF)
  return {
    concurrency,
    order,
    timeoutMs: durationMs(timeout),
    retries: retry?.times ?? 0,
    backoffMs,
    backoffMaxMs:
      retry?.backoffMax === undefined ? Math.max(backoffMs, durationMs(LONGEST_BACKOFF)) : durationMs(retry.backoffMax),
    budgetMs: retry?.budget === undefined ? Number.POSITIVE_INFINITY : durationMs(retry.budget),
  }
}
