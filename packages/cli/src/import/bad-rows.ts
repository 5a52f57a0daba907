import { bytes, type Header, type Log, type MillraceError } from '@millrace/core'
import { count } from '../terminal/amounts.ts'
import { TopicAppender } from '../topic-appender.ts'
import { openResume, type Resume } from './resume.ts'
import type { RowSource } from './row-source.ts'

/** What is done with rows that cannot be used. */
export const ON_ERROR = ['fail', 'skip', 'dead-letter'] as const

export type OnError = (typeof ON_ERROR)[number]

/** So many bad rows are named one by one; the others are counted. */
const BAD_ROWS_SHOWN = 10

const BYTES = bytes()

/** Rows that cannot be used: they end the import, are counted, or are appended to a topic with what was wrong. */
export class BadRows {
  readonly #onError: OnError
  readonly #say: (text: string) => void
  readonly #deadLetters: DeadLetters | undefined
  #count = 0

  constructor(onError: OnError, say: (text: string) => void, deadLetters: DeadLetters | undefined) {
    this.#onError = onError
    this.#say = say
    this.#deadLetters = deadLetters
  }

  get count(): number {
    return this.#count
  }

  /** Throws the error if the policy is to fail. */
  add(error: MillraceError, raw: string | Uint8Array, source: Pick<RowSource, 'file' | 'counts'>, line: number): void {
    if (this.#onError === 'fail') throw error
    this.#count++
    this.#deadLetters?.append(error, raw, source, line)
    if (this.#count <= BAD_ROWS_SHOWN)
      this.#say(`${this.#deadLetters === undefined ? 'skipped' : 'dead letter'}: ${error.message}`)
    if (this.#count === BAD_ROWS_SHOWN) this.#say('further bad rows are only counted')
  }

  /** For a person; empty if there were none. */
  get summary(): string {
    if (this.#count === 0) return ''
    const rows = `${count(this.#count)} bad ${this.#count === 1 ? 'row' : 'rows'}`
    return this.#deadLetters === undefined ? `; ${rows} skipped` : `; ${rows} in ${this.#deadLetters.topic}`
  }
}

/** The topic of bad rows: each is a record whose value is the row as it stands in the file, with headers that say what is wrong. */
export class DeadLetters {
  readonly topic: string
  readonly #appender: TopicAppender
  readonly #resume: Resume | undefined

  private constructor(topic: string, appender: TopicAppender, resume: Resume | undefined) {
    this.topic = topic
    this.#appender = appender
    this.#resume = resume
  }

  /** Makes the topic if it is not there. When an import is resumed, what it wrote to the topic before is not repeated. */
  static async open(log: Log, name: string, files: string, resumes: boolean): Promise<DeadLetters> {
    const topic = (await log.admin.describeTopic(name)) ?? (await log.admin.createTopic(name, { partitions: 1 }))
    const resume = resumes ? await openResume(log, topic, files) : undefined
    return new DeadLetters(name, await TopicAppender.open(log, name, 1), resume)
  }

  append(
    error: MillraceError,
    raw: string | Uint8Array,
    source: Pick<RowSource, 'file' | 'counts'>,
    line: number,
  ): void {
    const value = Buffer.from(raw)
    if (this.#resume?.skips(0, { key: null, timestamp: undefined, value }) === true) return
    const headers = [
      header('millrace.error', error.code),
      header('millrace.message', error.message),
      header('millrace.file', source.file),
      header(`millrace.${source.counts}`, String(line)),
    ]
    this.#appender.append(0, Date.now(), null, value, BYTES, headers)
  }

  finish(): void {
    this.#resume?.finish()
  }

  flush(): Promise<void> {
    return this.#appender.flush()
  }

  close(): Promise<void> {
    return this.#appender.close()
  }
}

function header(name: string, text: string): Header {
  return [name, Buffer.from(text)]
}
