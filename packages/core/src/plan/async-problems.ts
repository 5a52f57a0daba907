import { DURATION, isDuration } from './duration-problem.ts'
import type { PlanNode } from './node.ts'

/** Each call takes memory in the task and a connection at the callee: for more, the topic needs more partitions. */
const CONCURRENCY_MAX = 1024
/** A timer of the platform waits no longer: 2^31 - 1 ms, 24 days. */
const WAIT_MS_MAX = 2 ** 31 - 1

/** What is wrong with a step that calls the outside world, in words; nothing for any other step. */
export function asyncProblems(step: PlanNode): string[] {
  if (step.kind !== 'async') return []
  const { concurrency, order, timeoutMs, retries, backoffMs, backoffMaxMs, budgetMs } = step.calls
  const isCount = Number.isSafeInteger(concurrency) && concurrency >= 1 && concurrency <= CONCURRENCY_MAX
  const problems = [
    ...(typeof step.fn === 'function' ? [] : ['its callback must be a function']),
    ...(isCount ? [] : [`concurrency must be a whole number from 1 to ${CONCURRENCY_MAX}`]),
    ...(order === 'input' || order === 'any' ? [] : ["order must be 'input' or 'any'"]),
    ...(isWait(timeoutMs) && timeoutMs > 0 ? [] : [`timeout must be from 1 ms to ${WAIT_MS_MAX} ms: ${DURATION}`]),
    ...(isTimes(retries) ? [] : ['retry.times must be a whole number, at least 0']),
    ...(isWait(backoffMs) ? [] : [`retry.backoff must be at most ${WAIT_MS_MAX} ms: ${DURATION}`]),
    ...(isWait(backoffMaxMs) ? [] : [`retry.backoffMax must be at most ${WAIT_MS_MAX} ms: ${DURATION}`]),
    ...(budgetMs === Number.POSITIVE_INFINITY || isDuration(budgetMs) ? [] : [`retry.budget must be ${DURATION}`]),
  ]
  return problems.map((problem) => `Step ${step.label} cannot make its calls: ${problem}`)
}

function isWait(ms: number): boolean {
  return isDuration(ms) && ms <= WAIT_MS_MAX
}

function isTimes(retries: number): boolean {
  return retries === Number.POSITIVE_INFINITY || (Number.isSafeInteger(retries) && retries >= 0)
}
