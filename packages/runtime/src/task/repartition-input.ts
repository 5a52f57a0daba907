import { type Batch, FatalError, type Position } from '@millrace/core'
import { type InputSpec, type RefuseRecord, TaskInput } from './input.ts'
import { type LastSeen, ORIGIN_BYTES, ORIGIN_BYTES_MAX, ORIGIN_HEADER, RepeatFilter, readAhead } from './origin.ts'
import { MARKER_HEADER, type Marker, UpstreamProgress } from './upstream.ts'

/** What a repartition input's checkpoint remembers beside the offset. */
export interface RepartitionProgress {
  readonly markers: readonly Marker[]
  readonly seen: readonly LastSeen[]
}

/** What the input reports to its task. */
export interface RepartitionEvents {
  /** A record is being processed. */
  taken(): void
  /** A record that was processed before was dropped. */
  repeat(): void
}

/**
 * An input that is a repartition topic of the job. Its senders' markers carry their watermarks across: a window behind it
 * closes only when every sender has passed it. It is idle if all senders report that they are; a pause in the records does
 * not make it idle, because a sender may wait for a commit. Records that a sender sent again after a crash are dropped.
 */
export class RepartitionInput extends TaskInput {
  readonly #events: RepartitionEvents
  readonly #upstream: UpstreamProgress
  readonly #repeats = new RepeatFilter()

  /** `idleAfterMs`: how long idle senders hold time back when another one becomes active after all were idle; 0: not at all. */
  constructor(spec: InputSpec, refuse: RefuseRecord, events: RepartitionEvents, idleAfterMs: number) {
    super(spec, refuse)
    this.#upstream = new UpstreamProgress(idleAfterMs)
    this.#events = events
  }

  get watermark(): number {
    return this.#upstream.watermark
  }

  get idle(): boolean {
    return this.#upstream.idle
  }

  get headWatermark(): number {
    const { batch } = this
    return batch.timestamp + readAhead(batch.bytes, batch.headerStart, batch.headerEnd)
  }

  get positions(): readonly Position[] {
    return this.#upstream.positions
  }

  checkIdle(nowMs: number): void {
    this.#upstream.tick(nowMs)
  }

  announce(): boolean {
    const { batch } = this
    return this.#upstream.wake(batch.bytes.readUInt32BE(batch.headerStart))
  }

  protected isRecord(batch: Batch): boolean {
    if (isMarker(batch)) return false
    if (!batch.findHeader(ORIGIN_HEADER) || !isOrigin(batch)) {
      throw new FatalError(
        'REPARTITION_FOREIGN',
        `${this.topic}/${this.partition} holds a record at offset ${batch.offset} that this job did not send: a ` +
          `repartition topic is the job's own, and nothing else may append to it`,
        { topic: this.topic, partition: this.partition, offset: batch.offset },
      )
    }
    return !this.#repeats.isRepeat(batch.bytes, batch.headerStart)
  }

  protected note(batch: Batch): void {
    if (!isMarker(batch)) this.#events.repeat()
    else this.#upstream.hear(JSON.parse(batch.bytes.utf8Slice(batch.headerStart, batch.headerEnd)) as Marker)
  }

  protected taken(batch: Batch): void {
    this.#repeats.remember(batch.bytes, batch.headerStart)
    this.#events.taken()
  }

  protected eventTime(batch: Batch): number {
    return batch.timestamp
  }

  protected saveProgress(): RepartitionProgress {
    return { markers: this.#upstream.save(), seen: this.#repeats.save() }
  }

  protected loadProgress(progress: unknown): void {
    const saved = progress as RepartitionProgress | undefined
    this.#upstream.load(saved?.markers ?? [])
    this.#repeats.load(saved?.seen ?? [])
  }
}

/** Whether the header that was found last has the length of one that a task sends. */
function isOrigin({ headerStart, headerEnd }: Batch): boolean {
  const bytes = headerEnd - headerStart
  return bytes >= ORIGIN_BYTES && bytes <= ORIGIN_BYTES_MAX
}

/** Whether the record at the cursor is a marker; the cursor is then at its header. */
function isMarker(batch: Batch): boolean {
  return batch.keyStart < 0 && batch.valueStart < 0 && batch.findHeader(MARKER_HEADER)
}
