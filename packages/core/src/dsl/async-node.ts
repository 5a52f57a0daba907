import type { CallPlan } from '../plan/call-plan.ts'
import type { LookupPlan } from '../plan/lookup-plan.ts'
import type { AsyncNode } from '../plan/nodes/async-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { storeStep } from '../plan/step-parts.ts'
import { json } from '../serdes/json.ts'
import { int64 } from '../serdes/numbers.ts'
import { pendingCall } from '../serdes/pending-call.ts'
import { string } from '../serdes/string.ts'
import type { CallOptions, JoinRemoteOptions } from './async-options.ts'
import { durationMs } from './duration.ts'
import { planSerde, type StreamPlan } from './plan-value.ts'
import { storePlan } from './store-plan.ts'

const CONCURRENCY = 16
const TIMEOUT = '30s'
const BACKOFF = '1s'
const LONGEST_BACKOFF = '1m'
/** With these waits, about five minutes. */
const EFFECT_RETRIES = 10
const ANSWERS = 1000
const ANSWER_TTL = '1m'

/** What a step calls, and how. */
interface Calls extends CallOptions {
  /** Names the step's state. */
  readonly name: string
  readonly fn: AsyncNode['fn']
  readonly lookup?: LookupPlan
}

/** The step that calls a function for each record of a stream, which may wait. */
export function asyncNode<K, V>(
  plan: StreamPlan<K, V>,
  word: string,
  gives: AsyncNode['gives'],
  { name, fn, lookup, ...options }: Calls,
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
    lookup,
    calls: callPlan(options, gives === 'nothing'),
  })
}

/** The step that ends a stream in the outside world. */
export function effectNode<K, V>(plan: StreamPlan<K, V>, calls: Calls): AsyncNode {
  // Nothing waits for the order in which acknowledgements come.
  return asyncNode(plan, 'effect', 'nothing', { retry: { times: EFFECT_RETRIES }, ...calls, order: 'any' })
}

/** The step that joins records with what the outside world has for them. */
export function lookupNode<K, V, Id extends string | number, W, R>(
  plan: StreamPlan<K, V>,
  name: string,
  { by, lookup, join, cache = {}, ...options }: JoinRemoteOptions<K, V, Id, W, R>,
): AsyncNode {
  const { size = ANSWERS, ttl = ANSWER_TTL } = cache
  const remote = { by, lookup, join, size, ttlMs: durationMs(ttl) }
  return asyncNode(plan, 'joinRemote', 'value', { ...options, name, fn: lookup, lookup: remote })
}

function callPlan(options: CallOptions, sequential: boolean): CallPlan {
  const { concurrency = CONCURRENCY, order = 'input', timeout = TIMEOUT, rate, retry } = options
  const backoffMs = durationMs(retry?.backoff ?? BACKOFF)
  const longestMs = Math.max(backoffMs, durationMs(LONGEST_BACKOFF))
  return {
    concurrency,
    order,
    sequential,
    rate: rate && { calls: rate.calls, perMs: durationMs(rate.per) },
    timeoutMs: durationMs(timeout),
    retries: retry?.times ?? 0,
    backoffMs,
    backoffMaxMs: retry?.backoffMax === undefined ? longestMs : durationMs(retry.backoffMax),
    budgetMs: retry?.budget === undefined ? Number.POSITIVE_INFINITY : durationMs(retry.budget),
  }
}
