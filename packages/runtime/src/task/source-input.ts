import { type Batch, type Position, RecordError, RefusedError } from '@millrace/core'
import type { StreamOperator } from '../operators/operator.ts'
import { NO_WATERMARK } from './event-time.ts'
import { type InputSpec, type RefuseRecord, TaskInput } from './input.ts'

/** What a source's checkpoint remembers beside the offset. */
interface SourceProgress {
  /** Greatest event time processed; null before the first record. */
  readonly watermark: number | null
  /** The id of the topic: offsets of another topic under the same name mean something else. */
  readonly topicId: string
}

/** A topic's own idea of a record's event time, as the input calls it. */
export type TimestampExtractor = (value: unknown, key: unknown) => number

/** An input that is a topic of the user's: its watermark is the greatest event time that was processed. */
export class SourceInput extends TaskInput {
  readonly #topicId: string
  readonly #extract: TimestampExtractor | undefined
  #watermark = NO_WATERMARK

  constructor(
    spec: InputSpec,
    topicId: string,
    extract: TimestampExtractor | undefined,
    root: StreamOperator,
    refuse: RefuseRecord,
  ) {
    super(spec, root, refuse)
    this.#topicId = topicId
    this.#extract = extract
  }

  get watermark(): number {
    return this.#watermark
  }

  get idle(): boolean {
    return this.quiet
  }

  get positions(): readonly Position[] {
    return [{ [this.topic]: { [this.partition]: this.offset } }]
  }

  protected taken(): boolean {
    if (this.timestamp <= this.#watermark) return false
    this.#watermark = this.timestamp
    return true
  }

  protected admit(): boolean {
    return true
  }

  protected eventTime(batch: Batch): number {
    if (this.#extract === undefined || this.value === null) return batch.timestamp
    const time = this.#extract(this.value, this.key)
    if (Number.isSafeInteger(time)) return time
    throw new RecordError(
      'BAD_TIMESTAMP',
      `the topic's timestamp callback gave ${time}, not a whole number of milliseconds since the epoch`,
      { topic: this.topic },
    )
  }

  protected saveProgress(): SourceProgress {
    return { watermark: this.#watermark === NO_WATERMARK ? null : this.#watermark, topicId: this.#topicId }
  }

  protected loadProgress(progress: unknown): void {
    const saved = progress as SourceProgress | undefined
    if (saved !== undefined && saved.topicId !== this.#topicId) {
      throw new RefusedError(
        'TOPIC_REPLACED',
        `The topic ${this.topic} is not the one that this job has read: it was deleted and made again. The job's state ` +
          `counts records of the old one. Run the job under another name, or delete its changelog topic and its state to start anew`,
        { topic: this.topic },
      )
    }
    this.#watermark = saved?.watermark ?? NO_WATERMARK
  }
}
