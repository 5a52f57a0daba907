import { DURATION, isDuration } from './duration-problem.ts'
import type { LookupPlan } from './lookup-plan.ts'
import type { PlanNode } from './node.ts'

/** Each call takes memory in the task and a connection at the callee: for more, the topic needs more partitions. */
const CONCURRENCY_MAX = 1024
/** The step remembers when each of them began: 100 000 times take less than a megabyte. */
const RATE_CALLS_MAX = 100_000
/** Each answer takes memory in each task; what must be kept whole is a table. */
const ANSWERS_MAX = 1_000_000
/** A timer of the platform waits no longer: 2^31 - 1 ms, 24 days. */
const WAIT_MS_MAX = 2 ** 31 - 1

/** What is wrong with a step that calls the outside world, in words; nothing for any other step. */
export function asyncProblems(step: PlanNode): string[] {
  if (step.kind !== 'async') return []
  const { concurrency, order, rate, timeoutMs, retries, backoffMs, backoffMaxMs, budgetMs } = step.calls
  const problems = [
    ...(typeof step.fn === 'function' ? [] : ['its callback must be a function']),
    ...(step.lookup === undefined ? [] : lookupProblems(step.lookup)),
    ...(isCountTo(concurrency, CONCURRENCY_MAX)
      ? []
      : [`concurrency must be a whole number from 1 to ${CONCURRENCY_MAX}`]),
    ...(order === 'input' || order === 'any' ? [] : ["order must be 'input' or 'any'"]),
    ...(rate === undefined || isCountTo(rate.calls, RATE_CALLS_MAX)
      ? []
      : [`rate.calls must be a whole number from 1 to ${RATE_CALLS_MAX}`]),
    ...(rate === undefined || (isWait(rate.perMs) && rate.perMs > 0)
      ? []
      : [`rate.per must be from 1 ms to ${WAIT_MS_MAX} ms: ${DURATION}`]),
    ...(isWait(timeoutMs) && timeoutMs > 0 ? [] : [`timeout must be from 1 ms to ${WAIT_MS_MAX} ms: ${DURATION}`]),
    ...(isTimes(retries) ? [] : ['retry.times must be a whole number, at least 0']),
    ...(isWait(backoffMs) ? [] : [`retry.backoff must be at most ${WAIT_MS_MAX} ms: ${DURATION}`]),
    ...(isWait(backoffMaxMs) ? [] : [`retry.backoffMax must be at most ${WAIT_MS_MAX} ms: ${DURATION}`]),
    ...(budgetMs === Number.POSITIVE_INFINITY || isDuration(budgetMs) ? [] : [`retry.budget must be ${DURATION}`]),
  ]
  return problems.map((problem) => `Step ${step.label} cannot make its calls: ${problem}`)
}

function lookupProblems({ by, join, size, ttlMs }: LookupPlan): string[] {
  return [
    ...(typeof by === 'function' && typeof join === 'function' ? [] : ['by and join must be functions']),
    ...(isCountTo(size, ANSWERS_MAX) ? [] : [`cache.size must be a whole number from 1 to ${ANSWERS_MAX}`]),
    ...(isDuration(ttlMs) && ttlMs > 0 ? [] : [`cache.ttl must be more than 0, and ${DURATION}`]),
  ]
}

function isCountTo(count: number, max: number): boolean {
  return Number.isSafeInteger(count) && count >= 1 && count <= max
}

function isWait(ms: number): boolean {
  return isDuration(ms) && ms <= WAIT_MS_MAX
}

function isTimes(retries: number): boolean {
  return retries === Number.POSITIVE_INFINITY || (Number.isSafeInteger(retries) && retries >= 0)
}
