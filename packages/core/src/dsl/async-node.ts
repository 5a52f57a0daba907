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
/** With these waits, about five minutes. */
const EFFECT_RETRIES = 10

/** What a step calls, and how. */
interface Calls extends CallOptions {
  /** Names the step's state. */
  readonly name: string
  readonly fn: AsyncNode['fn']
}

/** The step that calls a function for each record of a stream, which may wait. */
export function asyncNode<K, V>(
  plan: StreamPlan<K, V>,
  word: string,
  gives: AsyncNode['gives'],
  { name, fn, ...options }: Calls,
): AsyncNode {
  const [key, value] = [planSerde(plan.key), planSerde(plan.value)]
  const pending = planSerde(pendingCall(plan.key ?? json<K>(), plan.value ?? json<V>()))
  const calls = Object.freeze({
    ...storePlan(name, planSerde(int64()), undefined, undefined, false),
    value: pending,
    shape: { kind: 'sorted' as const, order: planSerde(int64()) },
  })
  const progress = storePlan(`${name}.progress`, planSerde(string()), json<object>(), undefined, false)
  return Object.freeze({
    ...storeStep(word, plan.node, calls, READS_ALL),
    kind: 'async',
    stores: [calls, progress] as const,
    name,
    key,
    value,
    gives,
    fn,
    calls: callPlan(options, gives === 'nothing'),
  })
}

/** The step that ends a stream in the outside world. */
export function effectNode<K, V>(plan: StreamPlan<K, V>, calls: Calls): AsyncNode {
  // Nothing waits for the order in which acknowledgements come.
  return asyncNode(plan, 'effect', 'nothing', { retry: { times: EFFECT_RETRIES }, ...calls, order: 'any' })
}

function callPlan(options: CallOptions, sequential: boolean): CallPlan {
  const { concurrency = CONCURRENCY, order = 'input', timeout = TIMEOUT, retry } = options
  const backoffMs = durationMs(retry?.backoff ?? BACKOFF)
  const longestMs = Math.max(backoffMs, durationMs(LONGEST_BACKOFF))
  return {
    concurrency,
    order,
    sequential,
    timeoutMs: durationMs(timeout),
    retries: retry?.times ?? 0,
    backoffMs,
    backoffMaxMs: retry?.backoffMax === undefined ? longestMs : durationMs(retry.backoffMax),
    budgetMs: retry?.budget === undefined ? Number.POSITIVE_INFINITY : durationMs(retry.budget),
  }
}
