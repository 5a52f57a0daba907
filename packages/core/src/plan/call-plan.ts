/** How a step calls the outside world. Times are ms. */
export interface CallPlan {
  /** How many calls of a task are under way at most. */
  readonly concurrency: number
  /** `input`: results leave in the order of their records. `any`: as soon as they are there. */
  readonly order: 'input' | 'any'
  /** Whether the calls of a key are made one after the other. */
  readonly sequential: boolean
  /** How many tries of a task may begin in a span of some length; undefined if the rate is not limited. */
  readonly rate: { readonly calls: number; readonly perMs: number } | undefined
  /** How long one try may take. */
  readonly timeoutMs: number
  /** How many more tries there are after the first one; infinite: until one succeeds. */
  readonly retries: number
  /** How long the step waits after the first try that failed; twice as long after each further one, up to `backoffMaxMs`. */
  readonly backoffMs: number
  readonly backoffMaxMs: number
  /** How long after the first try another one may still begin; infinite: without a limit. */
  readonly budgetMs: number
}
