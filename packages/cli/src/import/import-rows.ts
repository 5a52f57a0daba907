import {
  type ErrorCode,
  type Log,
  MillraceError,
  openTopicWriter,
  RecordError,
  string,
  type TopicDescription,
  type TopicWriter,
  topic as topicOf,
} from '@millrace/core'
import type { AppendReport } from '../append-report.ts'
import { EventTimeField } from '../event-time/event-time-field.ts'
import { badInput } from '../input-error.ts'
import { RAW_CONTENT } from '../raw-content.ts'
import type { ExpiryCheck } from '../topics/expiry-check.ts'
import type { BadRows, DeadLetters } from './bad-rows.ts'
import { openResume, type Resume } from './resume.ts'
import type { ImportedRow, ReadRow, RowSource } from './row-source.ts'

/** Writes the records that rows become. */
type RowWriter = TopicWriter<string | Uint8Array, string>

/** Rows between two turns of the event loop. Progress is shown as often. */
const SLICE_ROWS = 5000

/**
 * The maximum bytes of a record beside its key and value. Whether a row is too large must not depend on the batch that holds
 * it.
 */
const OVERHEAD = 64

/** The errors that make a row a bad row. Any other error ends the import. */
const BAD_ROW: ReadonlySet<string> = new Set<ErrorCode>(['BAD_INPUT', 'BAD_TIMESTAMP', 'RECORD_TOO_LARGE'])

export interface ImportPlan {
  /** For messages. */
  readonly files: string
  /** The column that is the key. */
  readonly key: string
  /** The event time, read from a column, or the same for every row; undefined if it is the time of the import. */
  readonly time: EventTimeField | number | undefined
  readonly expiry: ExpiryCheck
  readonly resume: boolean
  readonly rowsMax: number
  readonly badRows: BadRows
  readonly deadLetters: DeadLetters | undefined
  readonly progress: (source: RowSource) => void
  /** Ends the import after the rows that were already read. */
  readonly signal: AbortSignal
}

/** How an import ended. */
export interface ImportReport extends AppendReport {
  /** Rows that an earlier import had appended. */
  readonly skipped: number
}

/**
 * Appends all rows of the sources. If `resume` is set, rows that an earlier import appended are skipped. All appended rows
 * are flushed.
 */
export async function importRows(
  log: Log,
  topic: TopicDescription,
  sources: AsyncIterable<RowSource>,
  plan: ImportPlan,
): Promise<ImportReport> {
  const resume = plan.resume ? await openResume(log, topic, plan.files) : undefined
  const writer = await openTopicWriter(log, topicOf(topic.name, { key: RAW_CONTENT, value: string() }))
  const run = new ImportRun(topic, writer, plan, resume)
  try {
    await run.appendAll(sources)
    resume?.finish()
    plan.deadLetters?.finish()
  } catch (error) {
    run.failure = error
  }
  await run.end()
  return run
}

class ImportRun implements ImportReport {
  readonly #topic: TopicDescription
  readonly #writer: RowWriter
  readonly #plan: ImportPlan
  readonly #resume: Resume | undefined
  #rows = 0
  appended = 0
  flushed = 0
  skipped = 0
  failure: unknown

  constructor(topic: TopicDescription, writer: RowWriter, plan: ImportPlan, resume: Resume | undefined) {
    this.#topic = topic
    this.#writer = writer
    this.#plan = plan
    this.#resume = resume
  }

  async appendAll(sources: AsyncIterable<RowSource>): Promise<void> {
    const { rowsMax, progress, signal } = this.#plan
    for await (const source of sources) {
      for await (const piece of source.pieces) {
        for (let from = 0; from < piece.length; from += SLICE_ROWS) {
          for (const row of piece.slice(from, from + SLICE_ROWS)) {
            if (this.#rows++ >= rowsMax) return
            if (!this.#take(row, source)) await this.#flush()
          }
          progress(source)
          await new Promise(setImmediate)
          signal.throwIfAborted()
        }
        if (this.#rows >= rowsMax) return
      }
    }
  }

  /** Flushes what was appended before the end or the failure. If the import failed, a failure of the flush is reported second. */
  async end(): Promise<void> {
    const { deadLetters } = this.#plan
    for (const step of [
      () => this.#flush(),
      () => deadLetters?.flush(),
      () => this.#writer.close(),
      () => deadLetters?.close(),
    ]) {
      try {
        await step()
      } catch (error) {
        this.failure ??= error
      }
    }
  }

  async #flush(): Promise<void> {
    const { appended } = this
    await this.#writer.flush()
    this.flushed = appended
  }

  /** Returns whether there is room for the next row. */
  #take(row: ImportedRow, source: RowSource): boolean {
    const where = `${source.file}, ${source.counts} ${row.line}`
    try {
      if (row.error !== undefined) throw row.error
      const key = this.#keyOf(row, where)
      const time = this.#timeOf(row, where)
      this.#checkSize(key, row.json, where)
      const room = this.#append(key, time, row.json, where)
      source.taken?.(row)
      if (time !== undefined && this.#plan.time instanceof EventTimeField) this.#plan.time.taken(time)
      return room
    } catch (error) {
      // Whether a record has expired depends on the time of the import, but every import must skip the same rows.
      if (!(error instanceof MillraceError) || !BAD_ROW.has(error.code)) throw error
      this.#plan.badRows.add(error, row.raw, source, row.line)
      return true
    }
  }

  #append(key: string | Uint8Array, time: number | undefined, json: string, where: string): boolean {
    const partition = this.#writer.partitionOf(key)
    if (this.#resume?.skips(partition, { key, timestamp: time, value: json }) === true) {
      this.skipped++
      return true
    }
    const timestamp = time ?? Date.now()
    this.#plan.expiry.check(timestamp, where)
    const room = this.#writer.send({ key, value: json, timestamp, partition })
    this.appended++
    return room
  }

  #keyOf({ key }: ReadRow, where: string): string | Uint8Array {
    if (key !== undefined) return key
    throw badInput(`${where} has no field ${JSON.stringify(this.#plan.key)} for the key`)
  }

  /** Undefined is the time of the import. */
  #timeOf({ time, isDate }: ReadRow, where: string): number | undefined {
    const plan = this.#plan.time
    if (plan === undefined || typeof plan === 'number') return plan
    const ms = plan.read(time, where, isDate)
    if (ms >= 0) return ms
    throw new RecordError(
      'BAD_TIMESTAMP',
      `${where}: the event time is before 1970 (${ms} ms), which a log cannot store. Correct the time`,
    )
  }

  #checkSize(key: string | Uint8Array, json: string, where: string): void {
    const { name, recordBytesMax } = this.#topic
    // A character has at most three bytes, so most rows need no counting.
    if ((json.length + key.length) * 3 + OVERHEAD <= recordBytesMax) return
    const bytes = Buffer.byteLength(json) + Buffer.byteLength(key) + OVERHEAD
    if (bytes <= recordBytesMax) return
    throw new RecordError(
      'RECORD_TOO_LARGE',
      `${where}: the row needs ${bytes} bytes, and topic ${name} accepts records up to ${recordBytesMax}. Create a topic with a ` +
        'larger --record-bytes-max',
      { topic: name },
    )
  }
}
