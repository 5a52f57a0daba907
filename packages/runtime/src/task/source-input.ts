import { type Batch, type Position, RecordError, RefusedError } from '@millrace/core'
import { durationText, EVENT_TIME_MAX } from '@millrace/core/internal'
import { NO_WATERMARK } from './event-time.ts'
import { type InputSpec, type RefuseRecord, TaskInput } from './input.ts'
import type { FencePoint } from './output-fence.ts'

/** What a source's checkpoint remembers besides the offset. */
interface SourceProgress {
  /** Greatest event time processed; null before the first record. */
  readonly watermark: number | null
  /** The id of the topic: offsets of another topic under the same name mean something else. */
  readonly topicId: string
}

/** The topic's function for a record's event time, as the input calls it. */
export type TimestampExtractor = (value: unknown, key: unknown) => number

/** What a source defines about its records, besides how they are decoded. */
export interface SourceSpec {
  readonly topicId: string
  readonly extract: TimestampExtractor | undefined
  readonly aheadMaxMs: number
  /** With nothing to read for this long the input becomes idle; infinite: it never becomes idle by time. */
  readonly idleAfterMs: number
  /** The wall clock, ms since the epoch. */
  readonly now: () => number
}

/**
 * An input that is a user's topic: its watermark is the greatest event time so far, including that of the next record.
 *
 * It is idle if it has had nothing to read for some time; its first record ends that before the record is judged. In a run
 * to the end of what is there a pause does not make it idle: there it is idle only if it has come to its end without a
 * single record.
 */
export class SourceInput extends TaskInput {
  readonly #topicId: string
  readonly #extract: TimestampExtractor | undefined
  readonly #aheadMaxMs: number
  readonly #idleAfterMs: number
  readonly #now: () => number
  #watermark = NO_WATERMARK
  #quiet = false
  /** When there was last something to read, monotonic ms; undefined before the first look. */
  #activeAtMs: number | undefined
  #offsetSeen = -1
  /** Records before this offset were processed before the job was set back. */
  #fencedBefore = 0
  /** Event times up to this one are not too far ahead. */
  #latestAllowed = 0

  constructor(spec: InputSpec, source: SourceSpec, refuse: RefuseRecord) {
    super(spec, refuse)
    const { topicId, extract, aheadMaxMs, idleAfterMs, now } = source
    this.#idleAfterMs = idleAfterMs
    this.#aheadMaxMs = aheadMaxMs
    this.#now = now
    this.#topicId = topicId
    this.#extract = extract
  }

  get watermark(): number {
    return this.#watermark
  }

  get idle(): boolean {
    return this.#quiet || (this.#watermark === NO_WATERMARK && Number.isFinite(this.limit) && this.atEnd)
  }

  get headWatermark(): number {
    return this.#watermark
  }

  checkIdle(nowMs: number): void {
    if (this.#activeAtMs === undefined || this.hasHead || !this.atEnd || this.offset !== this.#offsetSeen) {
      this.#activeAtMs = nowMs
      this.#offsetSeen = this.offset
    }
    this.#quiet = nowMs - this.#activeAtMs >= this.#idleAfterMs
  }

  announce(): boolean {
    const { timestamp } = this
    if (timestamp <= this.#watermark && !this.#quiet) return false
    this.#quiet = false
    this.#watermark = Math.max(this.#watermark, timestamp)
    return true
  }

  get positions(): readonly Position[] {
    return [{ [this.topic]: { [this.partition]: this.offset } }]
  }

  get repeated(): boolean {
    return this.batch.offset < this.#fencedBefore
  }

  fence(points: readonly FencePoint[]): void {
    this.#fencedBefore = Math.max(0, ...points.map(({ offset }) => offset))
  }

  protected taken(): void {}

  protected isRecord(): boolean {
    return true
  }

  protected note(): void {}

  protected eventTime(batch: Batch): number {
    const extract = this.#extract
    const time = extract === undefined || this.value === null ? batch.timestamp : extract(this.value, this.key)
    // True for almost every record; the clock is read again only for a later time.
    if (time >= 0 && time <= this.#latestAllowed && Number.isInteger(time)) return time
    this.#checkTime(time, batch)
    return time
  }

  #checkTime(time: number, batch: Batch): void {
    if (!Number.isSafeInteger(time) || time < 0 || time > EVENT_TIME_MAX) {
      throw this.#refusal(
        'BAD_TIMESTAMP',
        batch,
        `has the event time ${time}. It must be a whole number of milliseconds since 1970, from 0 to ${EVENT_TIME_MAX}`,
      )
    }
    const nowMs = this.#now()
    this.#latestAllowed = Math.min(nowMs + this.#aheadMaxMs, EVENT_TIME_MAX)
    if (time > this.#latestAllowed) {
      throw this.#refusal(
        'TIMESTAMP_AHEAD',
        batch,
        `has the event time ${time}, which is ${time - nowMs} ms ahead of the clock. The topic allows ` +
          `${durationText(this.#aheadMaxMs)} (aheadMax). A clock is wrong, or the time is not in milliseconds. Correct what writes the ` +
          'topic, or set a larger aheadMax if the time is right',
      )
    }
  }

  protected saveProgress(): SourceProgress {
    return { watermark: this.#watermark === NO_WATERMARK ? null : this.#watermark, topicId: this.#topicId }
  }

  protected loadProgress(progress: unknown): void {
    requireSameTopic(this.topic, this.#topicId, progress)
    const saved = progress as SourceProgress | undefined
    this.#watermark = saved?.watermark ?? NO_WATERMARK
  }

  #refusal(code: 'BAD_TIMESTAMP' | 'TIMESTAMP_AHEAD', { offset }: Batch, problem: string): RecordError {
    const { topic, partition } = this
    return new RecordError(code, `The record at ${topic}/${partition} offset ${offset} ${problem}`, {
      topic,
      partition,
      offset,
    })
  }
}

/** Throws `TOPIC_REPLACED` if the progress that a checkpoint remembers of a source is that of another topic under its name. */
export function requireSameTopic(topic: string, topicId: string, progress: unknown): void {
  const saved = progress as Pick<SourceProgress, 'topicId'> | undefined
  if (saved === undefined || saved.topicId === topicId) return
  throw new RefusedError(
    'TOPIC_REPLACED',
    `Topic ${topic} was deleted and created again since this job read it, and the job's state counts records of the ` +
      `former topic. Run the job under another name, or run "millrace reset <job>" to compute everything from the start`,
    { topic },
  )
}
