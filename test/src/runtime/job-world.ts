import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import type { Env, Job, Log, Serde, TaskStatus, TopicSettings } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type Container, type ContainerOptions, startContainer } from '@millrace/runtime'
import { combineLatest, filter, firstValueFrom } from 'rxjs'

/** A record as a test writes it. */
export interface TestRecord<V> {
  readonly key: string | null
  readonly value: V | null
  readonly timestamp: number
  readonly partition?: number
}

/** A data directory with a file log, and what tests do with jobs on it. */
export class JobWorld {
  readonly directory: string
  readonly env: Env
  readonly log: Log
  readonly #ahead: { ms: number }

  private constructor(directory: string, env: Env, log: Log, ahead: { ms: number }) {
    this.directory = directory
    this.env = env
    this.log = log
    this.#ahead = ahead
  }

  /** With a bound on the batches of a commit's groups, if one is given. */
  static async open(groupBatchBytesMax?: number): Promise<JobWorld> {
    const directory = mkdtempSync(`${tmpdir()}/millrace-job-`)
    const ahead = { ms: 0 }
    const { clock, ...others } = nodeEnv()
    const env: Env = { ...others, clock: { now: () => clock.now() + ahead.ms, monotonic: () => clock.monotonic() } }
    const bound = groupBatchBytesMax === undefined ? {} : { groupBatchBytesMax }
    return new JobWorld(directory, env, await openFileLog({ directory, env, durability: 'os', ...bound }), ahead)
  }

  /** Moves the wall clock forward. */
  passHours(hours: number): void {
    this.#ahead.ms += hours * 3_600_000
  }

  async close(): Promise<void> {
    await this.log.close()
    rmSync(this.directory, { recursive: true })
  }

  /** Creates a topic if it does not exist. */
  async topic(name: string, settings: Partial<TopicSettings> = {}): Promise<void> {
    if ((await this.log.admin.describeTopic(name)) === undefined) await this.log.admin.createTopic(name, settings)
  }

  async produce<V>(topic: string, serde: Serde<V>, records: readonly TestRecord<V>[]): Promise<void> {
    const writer = this.log.openWriter()
    for (const { key, value, timestamp, partition = 0 } of records) {
      const to = await writer.openPartition(topic, partition)
      const bytes = key === null ? null : Buffer.from(key)
      to.append(timestamp, bytes, 0, bytes?.length ?? 0, value, serde, [])
    }
    await writer.flush()
    await writer.close()
  }

  start(job: Job, options: Partial<ContainerOptions> = {}): Promise<Container> {
    const { log, env } = this
    return startContainer({ job, log, env, stateDirectory: this.stateDirectory, commitIntervalMs: 5, ...options })
  }

  get stateDirectory(): string {
    return `${this.directory}/state`
  }

  /** Runs a job over the records that exist. */
  async runToEnd(job: Job, options: Partial<ContainerOptions> = {}): Promise<void> {
    const container = await this.start(job, { untilEnd: true, ...options })
    await container.done
  }

  /** Resolves once a container reports that it has processed partition 0 of a topic up to an offset. */
  async until(container: Container, topic: string, offset: number): Promise<void> {
    const reached = ({ inputs }: TaskStatus) =>
      inputs.some((input) => input.topic === topic && input.partition === 0 && input.offset >= offset)
    await firstValueFrom(container.status.pipe(filter(({ tasks }) => tasks.some(reached))))
  }

  /** All rows of a view of a job that is not running: `key` or `key start` → value. */
  async rows(job: Job, view: string): Promise<Map<string, unknown>> {
    const container = await this.start(job)
    try {
      return await rowsOf(container, view)
    } finally {
      await container.stop()
    }
  }

  /** All rows of all views of a job that is not running. */
  async allRows(job: Job): Promise<Map<string, Map<string, unknown>>> {
    const container = await this.start(job)
    try {
      const views = new Map<string, Map<string, unknown>>()
      for (const { name } of container.views) views.set(name, await rowsOf(container, name))
      return views
    } finally {
      await container.stop()
    }
  }

  /** Keys and values of a topic's records, in order, partition by partition; the job's own markers are left out. */
  async read<V>(topic: string, value: Serde<V>, partition = 0): Promise<[string | null, V | null, number][]> {
    const reader = this.log.openReader()
    const records: [string | null, V | null, number][] = []
    const from = await reader.assign(topic, partition, 0)
    for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
      while (batch.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = batch
        records.push([
          keyStart < 0 ? null : bytes.toString('utf8', keyStart, keyEnd),
          valueStart < 0 ? null : value.decode(bytes, valueStart, valueEnd),
          timestamp,
        ])
      }
    }
    await reader.close()
    return records
  }
}

/** All committed rows of a view: `key` or `key start` → value. */
async function rowsOf(container: Container, name: string): Promise<Map<string, unknown>> {
  const rows = new Map<string, unknown>()
  const view = container.views.find((each) => each.name === name)
  if (view === undefined) throw new Error(`There is no view ${name}`)
  for (const { store } of view.parts) {
    let after: Buffer | undefined
    do {
      const page = await store.range({ limit: 500, ...(after === undefined ? {} : { after }) })
      for (const { key, window, value } of page.entries) {
        rows.set(window === undefined ? `${key}` : `${key} ${window.start}`, value)
      }
      after = page.next ?? undefined
    } while (after !== undefined)
  }
  return rows
}

/**
 * Resolves once containers have shared so many tasks: all run, and each container has some. Before that, a task may be on its way: no
 * container has it, and all have caught up.
 */
export async function shared(containers: readonly Container[], taskCount: number): Promise<void> {
  const shares = combineLatest(containers.map(({ status }) => status)).pipe(
    filter((all) => all.every(({ tasks }) => tasks.length > 0)),
    filter((all) => all.reduce((sum, { tasks }) => sum + tasks.length, 0) === taskCount),
  )
  await firstValueFrom(shares)
}
