import type { Headers, RecordGroup, Serde } from '@millrace/core'

/** A group that records when its first record came. */
export class TimedGroup implements RecordGroup {
  readonly inner: RecordGroup
  /** By the process's monotonic clock. */
  startedMs = 0

  constructor(inner: RecordGroup) {
    this.inner = inner
  }

  get bytes(): number {
    return this.inner.bytes
  }

  get room(): number {
    return this.inner.room
  }

  append<V>(
    timestamp: number,
    keyBytes: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    serde: Serde<V>,
    headers: Headers,
  ): void {
    if (this.inner.bytes === 0) this.startedMs = performance.now()
    this.inner.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
  }

  endBatch(): void {
    this.inner.endBatch()
  }

  discard(): void {
    this.inner.discard()
  }
}
