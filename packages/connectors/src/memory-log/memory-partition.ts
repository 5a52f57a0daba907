import type { Isolation } from '@millrace/core'
import { compactBatch } from '../compaction-policy.ts'
import { setBaseOffset } from '../record-batch/batch-builder.ts'
import { baseOffset, isControl, maxTimestamp, nextOffset } from '../record-batch/batch-header.ts'
import { controlBatch, type Outcome } from '../record-batch/control-batch.ts'
import { withTombstonesGone } from '../record-batch/delete-horizon.ts'
import { emptyBatch } from '../record-batch/filter-batch.ts'
import { RecordCursor } from '../record-batch/record-cursor.ts'
import { firstIndex } from './first-index.ts'
import type { MemoryTransaction } from './memory-transaction.ts'

interface StoredBatch {
  readonly bytes: Buffer
  /** The offset after its last record. */
  readonly next: number
  /** The transaction that decides whether the batch's records count; none if they count from the start. */
  readonly transaction: MemoryTransaction | undefined
}

/** Whether a reader with that isolation gets a batch that is decided. Markers hold no records for readers. */
export function isVisible({ bytes, transaction }: StoredBatch, isolation: Isolation): boolean {
  return !isControl(bytes, 0) && (isolation === 'uncommitted' || transaction?.outcome !== 'aborted')
}

interface Segment {
  batches: StoredBatch[]
  bytes: number
  /** The offset after the last record that it ever held. */
  next: number
  maxTimestamp: number
}

/**
 * One partition: segments of finished batches, in Kafka's format. A batch that was returned is never written again: cleaning
 * makes new batches, and a reader keeps those that it has.
 */
export class MemoryPartition {
  readonly topic: string
  readonly partition: number
  readonly #segmentBytes: number
  readonly #waiting = new Set<() => void>()
  /** The first offset of every transaction that is not decided; in that order. */
  readonly #open = new Map<MemoryTransaction, number>()
  #segments: Segment[] = []
  #start = 0
  #end = 0
  #compactedBefore = 0
  #deleted = false

  constructor(topic: string, partition: number, segmentBytes: number) {
    this.topic = topic
    this.partition = partition
    this.#segmentBytes = segmentBytes
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  /** Segments that end before this have been compacted. */
  get compactedBefore(): number {
    return this.#compactedBefore
  }

  /** The end of what is decided. */
  get stableEnd(): number {
    for (const first of this.#open.values()) return first
    return this.#end
  }

  get deleted(): boolean {
    return this.#deleted
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Appends a copy of a finished batch and gives it its offsets; returns the offset after it. */
  append(batch: Buffer, transaction?: MemoryTransaction): number {
    if (transaction !== undefined && !this.#open.has(transaction)) {
      transaction.enter(this)
      this.#open.set(transaction, this.#end)
    }
    return this.#put(batch, transaction)
  }

  /** Marks that a transaction is decided, which takes an offset, as in every log with Kafka's format. */
  decide(transaction: MemoryTransaction, outcome: Outcome): void {
    if (this.#deleted) return
    this.#open.delete(transaction)
    // A marker's time is not a record's time: it must not keep a segment from its retention.
    const timestamp = Math.max(0, this.#segments.at(-1)?.maxTimestamp ?? 0)
    this.#put(controlBatch(transaction.producer, outcome, timestamp), transaction)
  }

  #put(batch: Buffer, transaction: MemoryTransaction | undefined): number {
    setBaseOffset(batch, this.#end)
    const bytes = Buffer.from(batch)
    const next = nextOffset(bytes, 0)
    const segment = this.#activeSegment()
    segment.batches.push({ bytes, next, transaction })
    segment.bytes += bytes.length
    segment.next = next
    segment.maxTimestamp = Math.max(segment.maxTimestamp, maxTimestamp(bytes, 0))
    this.#end = next
    this.#wakeAll()
    return next
  }

  /** The first batch that holds a record at `offset` or after it. */
  batchAt(offset: number): StoredBatch | undefined {
    const segments = this.#segments
    for (let index = firstIndex(segments, ({ next }) => next > offset); index < segments.length; index++) {
      const batches = segments[index]?.batches ?? []
      const found = batches[firstIndex(batches, ({ next }) => next > offset)]
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The offset of the first committed record at or after a time; if there is none, the end of what is decided. */
  offsetAt(timestamp: number): number {
    const cursor = new RecordCursor(this.topic, this.partition)
    for (const segment of this.#segments) {
      if (segment.maxTimestamp < timestamp) continue
      for (const batch of segment.batches) {
        const { bytes } = batch
        if (baseOffset(bytes, 0) >= this.stableEnd) return this.stableEnd
        if (maxTimestamp(bytes, 0) < timestamp || !isVisible(batch, 'committed')) continue
        cursor.open(bytes, 0, this.#start)
        while (cursor.next()) if (cursor.timestamp >= timestamp) return cursor.offset
      }
    }
    return this.stableEnd
  }

  /** Drops every decided record before `offset`, exactly to the record: the strictest purge that the contract allows. */
  purge(offset: number): void {
    this.#start = Math.max(this.#start, Math.min(offset, this.stableEnd))
    for (const segment of this.#segments) {
      segment.batches = segment.batches.filter(({ next }) => next > this.#start)
      segment.bytes = bytesOf(segment.batches)
    }
    this.#segments = this.#segments.filter(({ batches }) => batches.length > 0)
  }

  /** Deletes the oldest closed segments: those too old by their records' times, and those that exceed the size limit. */
  applyRetention(nowMs: number, retentionMs: number | null, retentionBytes: number | null): void {
    let { bytes } = this
    for (const segment of this.#decidedSegments()) {
      const tooMany = retentionBytes !== null && bytes - segment.bytes >= retentionBytes
      const tooOld = retentionMs !== null && segment.maxTimestamp < nowMs - retentionMs
      if (!tooMany && !tooOld) return
      bytes -= segment.bytes
      this.#segments.shift()
      this.#start = Math.max(this.#start, segment.next)
    }
  }

  /** Keeps the latest committed record of each key in the closed segments. */
  compact(nowMs: number): void {
    const closed = this.#decidedSegments()
    const latest = new Map<string, number>()
    const cursor = new RecordCursor(this.topic, this.partition)
    for (const { batches } of closed) {
      for (const batch of batches) {
        if (!isVisible(batch, 'committed')) continue
        const { bytes } = batch
        cursor.open(bytes, 0, this.#start)
        while (cursor.next()) if (cursor.keyStart >= 0) latest.set(keyOf(cursor), cursor.offset)
      }
    }
    const superseded = (record: RecordCursor) => (latest.get(keyOf(record)) ?? -1) > record.offset
    const compactedBefore = this.#compactedBefore
    const compactedUntil = Math.max(compactedBefore, closed.at(-1)?.next ?? 0)
    const compaction = { superseded, nowMs, compactedBefore, compactedUntil }
    for (const segment of closed) {
      segment.batches = segment.batches.flatMap((batch) => {
        if (!isVisible(batch, 'committed')) return []
        const { bytes, next } = batch
        const { kept, tombstonesGone } = compactBatch(bytes, 0, bytes.length, compaction)
        if (kept !== undefined) return { ...batch, bytes: kept }
        // Nothing is left but the mark that there were tombstones.
        return tombstonesGone ? { ...batch, bytes: withTombstonesGone(emptyBatch(baseOffset(bytes, 0), next)) } : []
      })
      segment.bytes = bytesOf(segment.batches)
    }
    this.#compactedBefore = compactedUntil
    this.#segments = this.#segments.filter(({ batches }) => batches.length > 0)
  }

  /** Readers and writers that still have the partition find that the topic is deleted. */
  delete(): void {
    this.#deleted = true
    this.#segments = []
    this.#wakeAll()
  }

  /** Calls `wake` at the next append or deletion, until the returned function is called. */
  onChange(wake: () => void): () => void {
    this.#waiting.add(wake)
    return () => this.#waiting.delete(wake)
  }

  /** The closed segments that hold nothing that is not decided. */
  #decidedSegments(): Segment[] {
    return this.#segments.slice(0, -1).filter(({ next }) => next <= this.stableEnd)
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake()
  }

  #activeSegment(): Segment {
    const last = this.#segments.at(-1)
    if (last !== undefined && last.bytes < this.#segmentBytes) return last
    const segment: Segment = { batches: [], bytes: 0, next: this.#end, maxTimestamp: -1 }
    this.#segments.push(segment)
    return segment
  }
}

function bytesOf(batches: readonly StoredBatch[]): number {
  return batches.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

/** A key's bytes as a string, one character a byte: a `Map` can hold it. */
function keyOf(record: RecordCursor): string {
  return record.bytes.latin1Slice(record.keyStart, record.keyEnd)
}
