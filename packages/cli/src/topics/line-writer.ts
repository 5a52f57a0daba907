import { type Log, NO_HEADERS, type TopicWriter, topic } from '@millrace/core'
import { topicWriterOver } from '@millrace/core/internal'
import { RAW_CONTENT } from '../raw-content.ts'
import type { LineRecord } from './line-record.ts'

/** Appends what lines state to a topic: records with keys and without, in the order of the lines. */
export class LineWriter {
  readonly #keyed: TopicWriter<string | Uint8Array, string | Uint8Array>
  readonly #keyless: TopicWriter<null, string | Uint8Array>

  private constructor(
    keyed: TopicWriter<string | Uint8Array, string | Uint8Array>,
    keyless: TopicWriter<null, string | Uint8Array>,
  ) {
    this.#keyed = keyed
    this.#keyless = keyless
  }

  /** Throws `TOPIC_MISSING`. */
  static async open(log: Log, name: string): Promise<LineWriter> {
    const to = log.openWriter()
    // One writer under both: their records keep their order, and one flush is for both.
    const shared = { to, clock: log.clock, close: () => to.close() }
    const keyed = await topicWriterOver(log, topic(name, { key: RAW_CONTENT, value: RAW_CONTENT }), shared)
    return new LineWriter(keyed, await topicWriterOver(log, topic(name, { value: RAW_CONTENT }), shared))
  }

  send({ key, value, headers = NO_HEADERS }: LineRecord, timestamp: number): void {
    if (key === null) this.#keyless.send({ value, timestamp, headers })
    else this.#keyed.send({ key, value, timestamp, headers })
  }

  flush(): Promise<void> {
    return this.#keyed.flush()
  }

  close(): Promise<void> {
    return this.#keyed.close()
  }
}
