import { type Batch, FatalError, type Position } from '@millrace/core'
import type { StreamOperator } from '../operators/operator.ts'
import { type InputSpec, type RefuseRecord, TaskInput } from './input.ts'
import { type LastSeen, ORIGIN_BYTES, ORIGIN_HEADER, RepeatFilter } from './origin.ts'
import { MARKER_HEADER, type Marker, UpstreamProgress } from './upstream.ts'

/** What a repartition input's checkpoint remembers beside the offset. */
interface RepartitionProgress {
  readonly markers: readonly Marker[]
  readonly seen: readonly LastSeen[]
}

/** What the input tells its task. */
export interface RepartitionEvents {
  /** A sender's marker arrived: the watermark may have moved. The batch's cursor stands on it. */
  marker(input: RepartitionInput, batch: Batch): void
  /** A record that had been here before was dropped. */
  repeat(): void
}

/**
 * An input that is a repartition topic of the job's own. Its senders' markers carry their watermarks across: a window
 * behind it closes only when every sender has passed it. Records that a sender sent again after a crash are dropped.
 */
export class RepartitionInput extends TaskInput {
  readonly #events: RepartitionEvents
  readonly #upstream = new UpstreamProgress()
  readonly #repeats = new RepeatFilter()
  readonly #selfFed: boolean

  /** `selfFed`: the task's own subtopology sends to the topic, so that its watermark must not wait for itself. */
  constructor(
    spec: InputSpec,
    selfFed: boolean,
    root: StreamOperator,
    refuse: RefuseRecord,
    events: RepartitionEvents,
  ) {
    super(spec, root, refuse)
    this.#selfFed = selfFed
    this.#events = events
  }

  get watermark(): number {
    return this.#upstream.watermark
  }

  get idle(): boolean {
    return this.#selfFed || this.quiet || this.#upstream.idle
  }

  get positions(): readonly Position[] {
    return this.#upstream.positions
  }

  protected admit(batch: Batch): boolean {
    if (batch.keyStart < 0 && batch.valueStart < 0 && batch.findHeader(MARKER_HEADER)) {
      this.#upstream.hear(JSON.parse(batch.bytes.utf8Slice(batch.headerStart, batch.headerEnd)) as Marker)
      this.#events.marker(this, batch)
      return false
    }
    if (!batch.findHeader(ORIGIN_HEADER) || batch.headerEnd - batch.headerStart !== ORIGIN_BYTES) {
      throw new FatalError(
        'REPARTITION_FOREIGN',
        `${this.topic}/${this.partition} holds a record at offset ${batch.offset} that this job did not send: a ` +
          `repartition topic is the job's own, and nothing else may append to it`,
        { topic: this.topic, partition: this.partition, offset: batch.offset },
      )
    }
    if (!this.#repeats.isRepeat(batch.bytes, batch.headerStart)) return true
    this.#events.repeat()
    return false
  }

  protected taken(batch: Batch): boolean {
    this.#repeats.remember(batch.bytes, batch.headerStart)
    return false
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
