import {
  bytes,
  type Header,
  type Log,
  type MillraceError,
  openTopicWriter,
  RecordError,
  type TopicDescription,
  type TopicWriter,
  topic as topicOf,
} from '@millrace/core'
import { count } from '../terminal/amounts.ts'
import { openResume, type Resume } from './resume.ts'
import type { RowSource } from './row-source.ts'

/** What the import does with rows that cannot be used. */
export const ON_ERROR = ['fail', 'skip', 'dead-letter'] as const

export type OnError = (typeof ON_ERROR)[number]

/** The first bad rows, up to this number, are named one by one. The others are counted. */
const BAD_ROWS_SHOWN = 10

/** The maximum length of a message that is kept in a dead letter and shown. */
const MESSAGE_LENGTH_MAX = 2000

/** Two lengths of five bytes. */
const HEADER_OVERHEAD = 10

/** The maximum bytes of a record beside its value and headers, including the header for the row's size. */
const RECORD_OVERHEAD = 128

/** Rows that cannot be used. By policy they end the import, are counted, or are appended to a topic with what was wrong. */
export class BadRows {
  readonly #onError: OnError
  readonly #printNote: (text: string) => void
  readonly #deadLetters: DeadLetters | undefined
  #count = 0

  constructor(onError: OnError, printNote: (text: string) => void, deadLetters: DeadLetters | undefined) {
    this.#onError = onError
    this.#printNote = printNote
    this.#deadLetters = deadLetters
  }

  get count(): number {
    return this.#count
  }

  /** Throws the error if the policy is to fail. */
  add(error: MillraceError, raw: string | Uint8Array, source: Pick<RowSource, 'file' | 'counts'>, line: number): void {
    if (this.#onError === 'fail') throw error
    this.#deadLetters?.append(error, raw, source, line)
    this.#count++
    if (this.#count <= BAD_ROWS_SHOWN)
      this.#printNote(`${this.#deadLetters === undefined ? 'Skipped' : 'Dead letter'}: ${shortened(error.message)}`)
    if (this.#count === BAD_ROWS_SHOWN) this.#printNote('Further bad rows are only counted')
  }

  /** For a person; empty if there were none. */
  get summary(): string {
    if (this.#count === 0) return ''
    const rows = `${count(this.#count)} bad ${this.#count === 1 ? 'row' : 'rows'}`
    return this.#deadLetters === undefined ? `; ${rows} skipped` : `; ${rows} in ${this.#deadLetters.topic}`
  }
}

/**
 * The topic of bad rows. The value of each record is the row as it stands in the file; the headers state what is wrong. If a
 * row is larger than the topic accepts, the record has an empty value and a header with the row's size.
 */
export class DeadLetters {
  readonly topic: string
  readonly #recordBytesMax: number
  readonly #writer: TopicWriter<null, Uint8Array>
  readonly #resume: Resume | undefined

  private constructor(
    { name, recordBytesMax }: TopicDescription,
    writer: TopicWriter<null, Uint8Array>,
    resume: Resume | undefined,
  ) {
    this.topic = name
    this.#recordBytesMax = recordBytesMax
    this.#writer = writer
    this.#resume = resume
  }

  /** Makes the topic if it does not exist. A resumed import does not repeat what it wrote to the topic before. */
  static async open(log: Log, name: string, files: string, resumes: boolean): Promise<DeadLetters> {
    const topic = (await log.admin.describeTopic(name)) ?? (await log.admin.createTopic(name, { partitions: 1 }))
    const resume = resumes ? await openResume(log, topic, files) : undefined
    return new DeadLetters(topic, await openTopicWriter(log, topicOf(name, { value: bytes() })), resume)
  }

  append(
    error: MillraceError,
    raw: string | Uint8Array,
    source: Pick<RowSource, 'file' | 'counts'>,
    line: number,
  ): void {
    const row = Buffer.from(raw)
    const where = `${source.file}, ${source.counts} ${line}`
    const headers = [
      header('millrace.error', error.code),
      header('millrace.message', shortened(error.message)),
      header('millrace.file', source.file),
      header(`millrace.${source.counts}`, String(line)),
    ]
    const fits = row.length + sizeOf(headers) <= this.#recordBytesMax
    const value = fits ? row : Buffer.alloc(0)
    if (!fits) headers.push(header('millrace.bytes', String(row.length)))
    if (this.#resume?.skips(0, { key: null, timestamp: undefined, value }) === true) return
    try {
      this.#writer.send({ value, headers, partition: 0 })
    } catch (cause) {
      throw this.#refused(cause, where)
    }
  }

  /** If the topic does not accept a record even without the row, the import ends: a bad row must not be lost. */
  #refused(cause: unknown, where: string): unknown {
    if (!(cause instanceof RecordError)) return cause
    return new RecordError(
      'RECORD_TOO_LARGE',
      `${where} is a bad row, and topic ${this.topic} does not accept its dead letter: ${cause.message}. Give --dead-letters ` +
        'a topic with a larger --record-bytes-max',
      { topic: this.topic, cause },
    )
  }

  finish(): void {
    this.#resume?.finish()
  }

  flush(): Promise<void> {
    return this.#writer.flush()
  }

  close(): Promise<void> {
    return this.#writer.close()
  }
}

function header(name: string, text: string): Header {
  return [name, Buffer.from(text)]
}

/** The part of a message that quotes the row may be as large as the row. */
function shortened(message: string): string {
  return message.length <= MESSAGE_LENGTH_MAX ? message : `${message.slice(0, MESSAGE_LENGTH_MAX)}…`
}

/** The maximum bytes that headers take in a record. */
function sizeOf(headers: readonly Header[]): number {
  return headers.reduce(
    (sum, [name, value]) => sum + name.length + (value?.length ?? 0) + HEADER_OVERHEAD,
    RECORD_OVERHEAD,
  )
}
