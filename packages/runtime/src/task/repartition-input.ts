import { type Batch, FatalError, type Position } from '@millrace/core'
import { type InputSpec, type RefuseRecord, TaskInput } from './input.ts'
import type { FencePoint } from './output-fence.ts'
import {
  IDENTITY_BYTES,
  IDENTITY_BYTES_MAX,
  IDENTITY_HEADER,
  type LastSeen,
  RepeatFilter,
  readAhead,
} from './record-identity.ts'
import { MARKER_HEADER, type Marker, SendersProgress } from './watermark-protocol.ts'

/** What a repartition input's checkpoint remembers beside the offset. */
export interface RepartitionProgress {
  readonly markers: readonly Marker[]
  readonly seen: readonly LastSeen[]
}

/** Whether the progress in a checkpoint is that of a repartition topic. */
export function isRepartition(progress: unknown): progress is RepartitionProgress {
  return typeof progress === 'object' && progress !== null && 'seen' in progress
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
  readonly #senders: SendersProgress
  readonly #repeats = new RepeatFilter()
  readonly #ownerOf: (partition: number) => string | undefined
  /** Each knows the records that were processed before the job was set back. */
  #fences: readonly RepeatFilter[] = []
  #repeated = false

  /** `ownerOf`: the process that runs each task that sends. `idleAfterMs`: how long idle senders hold time back when another one becomes active after all were idle; 0: not at all. */
  constructor(
    spec: InputSpec,
    refuse: RefuseRecord,
    events: RepartitionEvents,
    idleAfterMs: number,
    ownerOf: (partition: number) => string | undefined = () => undefined,
  ) {
    super(spec, refuse)
    this.#senders = new SendersProgress(idleAfterMs)
    this.#events = events
    this.#ownerOf = ownerOf
  }

  get watermark(): number {
    return this.#senders.watermark
  }

  get idle(): boolean {
    return this.#senders.idle
  }

  override get ended(): boolean {
    return this.atEnd && this.#senders.haveEnded(this.#ownerOf)
  }

  get headWatermark(): number {
    const { batch } = this
    return batch.timestamp + readAhead(batch.bytes, batch.headerStart, batch.headerEnd)
  }

  get positions(): readonly Position[] {
    return this.#senders.positions
  }

  checkIdle(nowMs: number): void {
    this.#senders.tick(nowMs)
  }

  announce(): boolean {
    const { batch } = this
    return this.#senders.wake(batch.bytes.readUInt32BE(batch.headerStart))
  }

  get repeated(): boolean {
    return this.#repeated
  }

  fence(points: readonly FencePoint[]): void {
    this.#fences = points.map(({ seen = [] }) => {
      const filter = new RepeatFilter()
      filter.load(seen)
      return filter
    })
  }

  protected isRecord(batch: Batch): boolean {
    this.#repeated = false
    if (isMarker(batch)) return false
    if (!batch.findHeader(IDENTITY_HEADER) || !isIdentity(batch)) {
      throw new FatalError(
        'REPARTITION_FOREIGN',
        `Repartition topic ${this.topic}/${this.partition} holds a record at offset ${batch.offset} that this job did not send. ` +
          `Let nothing else append to the topic, and run the job under another name`,
        { topic: this.topic, partition: this.partition, offset: batch.offset },
      )
    }
    if (this.#fences.length > 0) {
      this.#repeated = this.#fences.some((fence) => fence.isRepeat(batch.bytes, batch.headerStart))
    }
    return !this.#repeats.isRepeat(batch.bytes, batch.headerStart)
  }

  protected note(batch: Batch): void {
    if (!isMarker(batch)) this.#events.repeat()
    else this.#senders.receive(JSON.parse(batch.bytes.utf8Slice(batch.headerStart, batch.headerEnd)) as Marker)
  }

  protected taken(batch: Batch): void {
    this.#repeats.remember(batch.bytes, batch.headerStart)
    this.#events.taken()
  }

  protected eventTime(batch: Batch): number {
    return batch.timestamp
  }

  protected saveProgress(): RepartitionProgress {
    return { markers: this.#senders.save(), seen: this.#repeats.save() }
  }

  protected loadProgress(progress: unknown): void {
    const saved = progress as RepartitionProgress | undefined
    this.#senders.load(saved?.markers ?? [])
    this.#repeats.load(saved?.seen ?? [])
  }
}

/** Whether the header that was found last has the length of one that a task sends. */
function isIdentity({ headerStart, headerEnd }: Batch): boolean {
  const bytes = headerEnd - headerStart
  return bytes >= IDENTITY_BYTES && bytes <= IDENTITY_BYTES_MAX
}

/** Whether the record at the cursor is a marker; the cursor is then at its header. */
export function isMarker(batch: Batch): boolean {
  return batch.keyStart < 0 && batch.valueStart < 0 && batch.findHeader(MARKER_HEADER)
}
