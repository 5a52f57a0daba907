import type { Batch, Position } from '@millrace/core'
import { NO_WATERMARK } from './event-time.ts'
import { globalKey } from './global-key.ts'
import { type InputSpec, type RefuseRecord, TaskInput } from './input.ts'
import { requireSameTopic } from './source-input.ts'

/**
 * One partition of the topic of a global table, as one task reads it. It has no part in event time: it holds nothing back, and
 * moves nothing. It is not listed in the positions of answers either, since each task has its own.
 */
export class GlobalInput extends TaskInput {
  readonly watermark = NO_WATERMARK
  readonly headWatermark = NO_WATERMARK
  readonly idle = true
  readonly repeated = false
  readonly positions: readonly Position[] = []
  readonly #topicId: string

  /** `store`: the name of the store that keeps the rows, with its incarnation. */
  constructor(spec: InputSpec, store: string, topicId: string, refuse: RefuseRecord) {
    super(spec, refuse, globalKey(spec.topic, spec.partition, store))
    this.#topicId = topicId
  }

  fence(): void {}

  checkIdle(): void {}

  announce(): boolean {
    return false
  }

  protected saveProgress(): unknown {
    return { topicId: this.#topicId }
  }

  protected loadProgress(progress: unknown): void {
    requireSameTopic(this.topic, this.#topicId, progress)
  }

  protected isRecord(): boolean {
    return true
  }

  protected note(): void {}

  protected taken(): void {}

  protected eventTime(batch: Batch): number {
    return batch.timestamp
  }
}
