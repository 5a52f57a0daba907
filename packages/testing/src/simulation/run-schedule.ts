import type { Log, NewRecord, Topic, TopicWriter } from '@millrace/core'
import { topicWriterOver } from '@millrace/core/internal'
import type { CrashPlan } from '../driver/crashes.ts'
import type { Piece } from '../driver/schedule.ts'
import { type JobSource, TestDriver } from '../driver/test-driver.ts'
import { type JobResults, type OutputTopic, outputResults, type ViewResults, viewResults } from './job-results.ts'

/** A record of any types, and the topic that it goes to. */
export interface ScheduledRecord {
  readonly topic: Topic<unknown, unknown>
  readonly record: NewRecord<unknown, unknown>
}

/** What all runs of a simulation have in common. */
export interface ScheduleOptions {
  readonly partitions: number
  readonly startMs?: number
  /** The topics to compare. Those that are not there are made. */
  readonly outputs: readonly OutputTopic[]
  /** The names of the views that delete what is old. */
  readonly expiring: ReadonlySet<string>
}

/** What a run has come to: the rows of views, and the records of outputs. */
export interface RunResults extends ViewResults {
  readonly outputs: JobResults
}

/** No input becomes idle: whether it does depends on the moments of restarts. */
const NEVER_IDLE_MS = 1e12
/** At the end the clock moves so far that most timers are due. */
const END_MS = 24 * 60 * 60 * 1000

/**
 * Runs a job over a schedule, each piece to its end before the next, then to the end of the inputs, and lets a day pass. `crashes`:
 * where it is cut off and started again. Rejects with the error that stops the job.
 */
export async function runSchedule(
  job: JobSource,
  schedule: readonly Piece<ScheduledRecord>[],
  { outputs, expiring, ...options }: ScheduleOptions,
  crashes?: CrashPlan,
): Promise<RunResults> {
  const driver = await TestDriver.open(job, { ...options, idleAfterMs: NEVER_IDLE_MS }, crashes)
  try {
    await makeMissing(driver.log, outputs, options.partitions)
    const sender = new PieceSender(driver.log)
    for (const { records, passesMs } of schedule) {
      await sender.send(records)
      await driver.advance(0)
      await driver.advance(passesMs)
    }
    await sender.close()
    await driver.runUntilEnd()
    await driver.advance(END_MS)
    return { ...(await viewResults(driver.views, expiring)), outputs: await outputResults(driver.log, outputs) }
  } finally {
    await driver.close()
  }
}

async function makeMissing(log: Log, topics: readonly OutputTopic[], partitions: number): Promise<void> {
  for (const { name } of topics) {
    if ((await log.admin.describeTopic(name)) === undefined) await log.admin.createTopic(name, { partitions })
  }
}

/** Appends records of several topics together. */
class PieceSender {
  readonly #log: Log
  readonly #to: ReturnType<Log['openWriter']>
  readonly #writers = new Map<string, TopicWriter<unknown, unknown>>()

  constructor(log: Log) {
    this.#log = log
    this.#to = log.openWriter()
  }

  async send(records: readonly ScheduledRecord[]): Promise<void> {
    for (const { topic } of records) {
      if (this.#writers.has(topic.name)) continue
      const shared = { to: this.#to, clock: this.#log.clock, close: async () => undefined }
      this.#writers.set(topic.name, await topicWriterOver(this.#log, topic, shared))
    }
    for (const { topic, record } of records) this.#writers.get(topic.name)?.send(record)
    await this.#to.flush()
  }

  async close(): Promise<void> {
    await this.#to.close()
  }
}
