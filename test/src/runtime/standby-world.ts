import { openFileLog } from '@millrace/connectors/file'
import { type JobStatus, job, json, type Log, type StandbyStatus, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type Container, type ContainerOptions, startContainer } from '@millrace/runtime'
import { filter, firstValueFrom } from 'rxjs'
import { JobWorld } from './job-world.ts'

export const numbers = topic('numbers', { key: string(), value: json<number>() })
const totals = stream(numbers)
  .groupByKey()
  .aggregate('totals', { init: () => 0, add: (total, value) => total + value, value: json<number>() })
/** A job with four tasks. */
export const warmJob = job('warm', totals)

const PARTITIONS = 4
export const TASKS = Array.from({ length: PARTITIONS }, (_, partition) => `numbers-${partition}`)
/** Each partition has so many keys: a restore from the start reads at least as many changelog records. */
export const KEYS = 500

/** A data directory on which containers run the job with standbys. */
export class StandbyWorld {
  readonly jobs: JobWorld
  /** How many records each key has had. */
  rounds = 0
  readonly #closing: (() => Promise<void>)[] = []

  private constructor(jobs: JobWorld) {
    this.jobs = jobs
  }

  static async open(): Promise<StandbyWorld> {
    const jobs = await JobWorld.open()
    await jobs.topic('numbers', { partitions: PARTITIONS })
    return new StandbyWorld(jobs)
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close()
    await this.jobs.close()
  }

  /** A container with its own log, as another process would have. */
  async start(options: Partial<ContainerOptions> & { wrap?: (log: Log) => Log } = {}): Promise<Container> {
    const { wrap = (log) => log, ...others } = options
    const env = nodeEnv()
    const log = await openFileLog({ directory: this.jobs.directory, env, durability: 'os' })
    const container = await startContainer({
      job: warmJob,
      log: wrap(log),
      env,
      stateDirectory: this.jobs.stateDirectory,
      commitIntervalMs: 5,
      standbys: 1,
      ...others,
    })
    this.#closing.push(async () => {
      await container.stop()
      await log.close()
    })
    return container
  }

  /** One more record for each key. */
  async produce(): Promise<void> {
    this.rounds++
    const records = Array.from({ length: PARTITIONS * KEYS }, (_, index) => ({
      key: `k${index}`,
      value: 1,
      timestamp: this.rounds,
      partition: index % PARTITIONS,
    }))
    await this.jobs.produce('numbers', numbers.value, records)
  }

  /** Two containers that have processed a round, each with half of the tasks and a standby of each of the others. */
  async pair(): Promise<[Container, Container]> {
    await this.produce()
    const first = await this.start()
    await first.caughtUp()
    const second = await this.start()
    await warm(first, 2, 2)
    await warm(second, 2, 2)
    return [first, second]
  }

  /** The totals that all keys should have. */
  expected(): Map<string, number> {
    return new Map(
      Array.from({ length: PARTITIONS * KEYS }, (_, index): [string, number] => [`k${index}`, this.rounds]),
    )
  }
}

export function statusOf(container: Container, fits: (status: JobStatus) => boolean): Promise<JobStatus> {
  return firstValueFrom(container.status.pipe(filter(fits)))
}

export function tasksOf({ tasks }: JobStatus): string[] {
  return tasks.map(({ task }) => task).sort()
}

/** The status of a container that has so many tasks, and so many standbys that are all ready. */
export function warm(container: Container, taskCount: number, standbyCount: number): Promise<JobStatus> {
  return statusOf(
    container,
    ({ tasks, standbys = [] }) =>
      tasks.length === taskCount &&
      standbys.length === standbyCount &&
      standbys.every(({ phase }) => phase === 'ready'),
  )
}

/** Whether a standby has everything that a round or more has left in its changelog. */
export function isAtEnd({ offset, endOffset, phase }: StandbyStatus): boolean {
  return phase === 'ready' && offset >= endOffset && offset > KEYS
}

/** The totals of all keys in the parts that a container has. */
export async function totalsIn(container: Container): Promise<Map<string, number>> {
  const rows = new Map<string, number>()
  for (const { store } of container.views[0]?.parts ?? []) {
    const { entries } = await store.range({ limit: 10_000 })
    for (const { key, value } of entries) rows.set(String(key), Number(value))
  }
  return rows
}

/** How many changelog records these tasks of a container have read as they were opened. */
export function restoredIn({ tasks }: JobStatus, of: (task: string) => boolean = () => true): number {
  return tasks.filter(({ task }) => of(task)).reduce((sum, { counts }) => sum + counts.restored, 0)
}
