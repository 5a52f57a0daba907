import type { Headers, RecordGroup, Serde } from '@millrace/core'
import { BatchBuilder, RECORD_OVERHEAD_BYTES } from './batch-builder.ts'
import type { Producer } from './format.ts'

/**
 * The largest batch of a group, unless the log is opened with another bound: what a reader holds at once, and what a broker of
 * Kafka takes by default (`message.max.bytes`, 1 MiB and the overhead of a batch).
 */
export const GROUP_BATCH_BYTES_MAX = 1024 * 1024

/** A group that is being built: a run of batches, each in a builder that the next group uses again. */
export class GroupBuilder implements RecordGroup {
  readonly #recordBytesMax: number
  readonly #batchBytesMax: number
  readonly #builders: BatchBuilder[] = []
  /** The batch that is being built; the batches before it are full. */
  #current: BatchBuilder
  #index = 0
  /** Of the batches before it. */
  #bytesBefore = 0

  /** `batchBytesMax`: see `LogCapabilities.groupBatchBytesMax`. */
  constructor(recordBytesMax: number, batchBytesMax: number) {
    this.#recordBytesMax = recordBytesMax
    this.#batchBytesMax = batchBytesMax
    this.#current = this.#builderAt(0)
  }

  get bytes(): number {
    const { count, bytes } = this.#current
    return this.#bytesBefore + (count === 0 ? 0 : bytes)
  }

  get room(): number {
    return this.#batchBytesMax - this.#current.bytes - RECORD_OVERHEAD_BYTES
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
    const current = this.#current
    current.mark()
    current.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
    if (current.bytes <= this.#batchBytesMax || current.count === 1) return
    current.rewind()
    this.endBatch()
    this.#current.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
  }

  endBatch(): void {
    if (this.#current.count === 0) return
    this.#bytesBefore += this.#current.bytes
    this.#index++
    this.#current = this.#builderAt(this.#index)
  }

  /** The group's batches, each at offset 0, in the builders' own memory until `discard`. */
  seal(producer?: Producer): readonly Buffer[] {
    const sealable = this.#builders.filter(({ count }) => count > 0)
    if (sealable.length === 0) throw new Error('An empty group cannot be committed')
    return sealable.map((builder) => builder.finish(0, producer))
  }

  discard(): void {
    for (const builder of this.#builders) builder.clear()
    this.#index = 0
    this.#bytesBefore = 0
    this.#current = this.#builderAt(0)
  }

  #builderAt(index: number): BatchBuilder {
    const builder = this.#builders[index] ?? new BatchBuilder(this.#recordBytesMax)
    this.#builders[index] = builder
    return builder
  }
}
