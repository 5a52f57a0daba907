import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type MemoryLog, memoryLog } from '@millrace/connectors/memory'
import type { Env, Job, JobStatus, Log, LogReader, Serde } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type Container, type ContainerOptions, startContainer } from '@millrace/runtime'
import { filter, firstValueFrom } from 'rxjs'
import type { TestRecord } from '../job-world.ts'

/**
 * Timers of a container and its log never wait longer than this: what a container does next does not depend on how long it
 * sleeps.
 */
const TIMERS_MS_MAX = 2

/** A memory log, and containers whose clock a test moves forward by hand. */
export class ClockedWorld {
  readonly #directory = mkdtempSync(`${tmpdir()}/millrace-clocked-`)
  readonly #env: Env
  readonly #log: MemoryLog
  readonly #rests = new Set<() => void>()
  readonly #containers: Container[] = []
  #passedMs = 0

  constructor() {
    const { clock, timers, ...env } = nodeEnv()
    this.#env = {
      ...env,
      clock: { now: () => clock.now(), monotonic: () => clock.monotonic() + this.#passedMs },
      timers: {
        turn: timers.turn,
        after: (delayMs, callback) => timers.after(Math.min(delayMs, TIMERS_MS_MAX), callback),
      },
    }
    this.#log = memoryLog(this.#env)
  }

  async close(): Promise<void> {
    for (const container of this.#containers) await container.stop()
    await this.#log.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** Deletes all local state; no container may run. */
  loseState(): void {
    rmSync(`${this.#directory}/state`, { recursive: true, force: true })
  }

  async topic(name: string, partitions = 1): Promise<void> {
    await this.#log.admin.createTopic(name, { partitions })
  }

  /** Appends records of several topics, which become visible together. */
  async produce<V>(serde: Serde<V>, records: readonly (TestRecord<V> & { readonly topic: string })[]): Promise<void> {
    const writer = await this.#log.openTransactionalWriter('producer')
    for (const { topic, key, value, timestamp, partition = 0 } of records) {
      const to = await writer.openPartition(topic, partition)
      const bytes = key === null ? null : Buffer.from(key)
      to.append(timestamp, bytes, 0, bytes?.length ?? 0, value, serde, [])
    }
    await writer.commit([])
    await writer.close()
  }

  async start(job: Job, options: Partial<ContainerOptions> = {}): Promise<Container> {
    const container = await startContainer({
      job,
      log: this.#restingLog(),
      env: this.#env,
      stateDirectory: `${this.#directory}/state`,
      commitIntervalMs: 5,
      ...options,
    })
    this.#containers.push(container)
    return container
  }

  /** Moves the clock of all running containers forward, and waits until they rest at the new time. */
  async pass(ms: number): Promise<void> {
    this.#passedMs += ms
    await this.rested()
  }

  /** Resolves when a container has rested twice more. The first rest may have begun with what the container knew before. */
  async rested(): Promise<void> {
    for (let times = 0; times < 2; times++) {
      await new Promise<void>((resolve) => {
        const rest = () => {
          this.#rests.delete(rest)
          resolve()
        }
        this.#rests.add(rest)
      })
    }
  }

  /** Resolves when a container has processed all records of the topics, and the records that they caused. */
  async processed(container: Container): Promise<void> {
    const isThrough = ({ tasks }: JobStatus) =>
      tasks.every(({ inputs }) => inputs.every(({ offset, endOffset }) => offset >= endOffset))
    // One status may be older than the records, or may come between two steps that process them.
    for (let times = 0; times < 2; times++) {
      await this.rested()
      await firstValueFrom(container.status.pipe(filter(isThrough)))
    }
  }

  /** The committed records of a topic: key, value and time. */
  async read<V>(topic: string, serde: Serde<V>): Promise<[string, V, number][]> {
    const records: [string, V, number][] = []
    const { partitions } = (await this.#log.admin.describeTopic(topic)) ?? { partitions: 0 }
    const reader = this.#log.openReader()
    for (let partition = 0; partition < partitions; partition++) {
      const from = await reader.assign(topic, partition, 0)
      for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
        while (batch.next()) {
          const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = batch
          const value = serde.decode(bytes, valueStart, valueEnd)
          records.push([bytes.toString('utf8', keyStart, keyEnd), value, timestamp])
        }
      }
    }
    await reader.close()
    return records
  }

  /** The log that a container gets; it notifies this world when the container rests. */
  #restingLog(): Log {
    const log = this.#log.again()
    return { ...log, openReader: (options) => this.#restingReader(log.openReader(options)) }
  }

  #restingReader(reader: LogReader): LogReader {
    return {
      assign: (topic, partition, offset) => reader.assign(topic, partition, offset),
      wait: async (timeoutMs, signal) => {
        for (const rest of [...this.#rests]) rest()
        await reader.wait(timeoutMs, signal)
      },
      close: () => reader.close(),
    }
  }
}
