import type { ChangeOptions, NodeClient } from '@millrace/client'
import { type JobReport, MillraceError } from '@millrace/core'

/** What became of a job that was to be started again. */
export interface Started {
  readonly job: string
  /** Why it does not run; null if it runs. */
  readonly problem: string | null
}

/** Jobs that a command stops, and starts again at its end, as far as a node runs them. */
export class JobsOnNode {
  readonly #node: NodeClient | undefined
  readonly #change: ChangeOptions
  readonly #drained: string[] = []

  constructor(node: NodeClient | undefined, change: ChangeOptions) {
    this.#node = node
    this.#change = change
  }

  /** The job as its node reports it; undefined if no node has it. */
  async find(job: string): Promise<JobReport | undefined> {
    try {
      return await this.#node?.job(job)
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'JOB_MISSING') return undefined
      throw error
    }
  }

  /** Drains the jobs that run, one after the other. Throws what the node throws, such as `JOB_BUSY`. */
  async drain(jobs: readonly string[]): Promise<void> {
    for (const job of jobs) {
      const desired = (await this.find(job))?.deployment.desired
      // A drain that is under way is that of another command: the node refuses a second one.
      if (desired !== 'running' && desired !== 'draining') continue
      this.#change.onStep?.(`Drains job ${job}`)
      try {
        await this.#node?.drain(job, this.#change)
        this.#drained.push(job)
      } catch (error) {
        // A drain that has failed has ended the job; a refused one has not.
        if (!(error instanceof MillraceError && error.code === 'JOB_BUSY')) this.#drained.push(job)
        throw error
      }
    }
  }

  /** Starts the jobs that were drained. Never rejects: each of them gets its start. */
  async startAgain(): Promise<readonly Started[]> {
    const started: Started[] = []
    for (const job of this.#drained.splice(0)) {
      this.#change.onStep?.(`Starts job ${job}`)
      try {
        const report = await this.#node?.start(job, this.#change)
        const isFailed = report?.phase === 'failed'
        started.push({ job, problem: isFailed ? (report.error?.message ?? 'it has failed') : null })
      } catch (error) {
        started.push({ job, problem: error instanceof Error ? error.message : String(error) })
      }
    }
    return started
  }
}
