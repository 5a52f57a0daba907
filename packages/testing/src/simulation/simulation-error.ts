import { type Difference, listed } from './difference.ts'

/** What a simulation has found: how the runs differ that must have the same results. */
export interface SimulationFinding {
  readonly job: string
  readonly seed: number
  /** What is wrong, without a full stop: it follows the name of the job. */
  readonly problem: string
  /** What causes it, and what to do about it. */
  readonly advice: string
  readonly differences?: readonly Difference[]
  /** The error that a run ended with. */
  readonly cause?: unknown
}

/** A job does not do in a simulation what it must do. The message has the seed that repeats it, and the likely causes. */
export class SimulationError extends Error {
  /** It repeats the runs: `simulate(job, { …, seed })`. */
  readonly seed: number
  /** Where the results differ: all places, also those that the message leaves out. Empty if a run failed. */
  readonly differences: readonly Difference[]

  constructor({ job, seed, problem, advice, differences = [], cause }: SimulationFinding) {
    const found = differences.length === 0 ? '' : `\n${listed(differences)}`
    super(
      `With seed ${seed}, job ${job} ${problem}${found}\n${advice}\nRun it again with the option seed: ${seed}`,
      cause === undefined ? undefined : { cause },
    )
    this.name = 'SimulationError'
    this.seed = seed
    this.differences = differences
  }
}
