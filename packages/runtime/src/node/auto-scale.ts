import type { Author, JobReport } from '@millrace/core'

/** How often a node looks at the lag of the jobs that it scales, and at the room that jobs with a limit take. */
export const AUTO_LOOK_MS = 5_000
/** A job is behind if its present rate would need longer than this for its lag. */
const BEHIND_SECONDS = 10
/** A job that is behind in so many looks in a row gets a container: 15 s, so that a short burst does not move tasks. */
const BEHIND_LOOKS = 3
/** A job with less lag than its rate needs this long for is not behind. */
const ABREAST_SECONDS = 1
/** A job that is not behind in so many looks in a row loses a container: 5 min, since each change interrupts the tasks that move. */
const ABREAST_LOOKS = 60

/** How many containers a job should have, between the bounds of its settings, from how its lag develops. */
export class AutoScale {
  #behind = 0
  #abreast = 0

  /** Takes one look at a job. Returns another number of containers, if the job should have that. */
  look({ phase, operation, deployment, containers, lag, recordsPerSecond }: JobReport): number | undefined {
    const { auto, containers: present } = deployment.release.settings
    // While containers start or stop, the lag says nothing about how many are needed.
    if (auto === null || phase !== 'running' || operation !== null) return this.#decided(undefined)
    const wanted = Math.min(Math.max(present, auto.min), auto.max)
    if (wanted !== present) return this.#decided(wanted)
    const isBehind = lag > Math.max(1, recordsPerSecond) * BEHIND_SECONDS
    this.#behind = isBehind ? this.#behind + 1 : 0
    this.#abreast = lag <= recordsPerSecond * ABREAST_SECONDS ? this.#abreast + 1 : 0
    // A container without a task would do nothing.
    const tasks = containers.reduce((sum, { status }) => sum + (status?.tasks.length ?? 0), 0)
    if (this.#behind >= BEHIND_LOOKS && present < Math.min(auto.max, tasks)) return this.#decided(present + 1)
    if (this.#abreast >= ABREAST_LOOKS && present > auto.min) return this.#decided(present - 1)
    return undefined
  }

  /** The next decision starts to count again. */
  #decided(containers: number | undefined): number | undefined {
    this.#behind = 0
    this.#abreast = 0
    return containers
  }
}

/** A job that may be scaled. */
interface ScaledJob {
  readonly job: string
  readonly report: JobReport | undefined
  scale(change: { readonly containers: number }, author: Author): Promise<void>
}

/** Scales the jobs of a node by their lag. */
export class AutoScales {
  readonly #byJob = new Map<string, AutoScale>()

  /** Takes one look at a job, and scales it if it should have another number of containers. */
  async look(scaled: ScaledJob): Promise<void> {
    const { job, report } = scaled
    if (report === undefined) return
    const scale = this.#byJob.get(job) ?? new AutoScale()
    this.#byJob.set(job, scale)
    const containers = scale.look(report)
    if (containers === undefined) return
    const why = `The lag is ${report.lag} records, at ${report.recordsPerSecond} records per second`
    await scaled.scale({ containers }, { by: 'node', why })
  }

  /** Forgets a job that is no longer deployed. */
  remove(job: string): void {
    this.#byJob.delete(job)
  }
}
