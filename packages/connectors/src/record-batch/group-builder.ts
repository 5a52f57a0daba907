import type { Headers, RecordGroup, Serde } from '@millrace/core'
import { BatchBuilder } from './batch-builder.ts'
import type { Producer } from './format.ts'

/** A group that is being built. It is one batch, however large: its checksum shows whether it is whole. */
export class GroupBuilder implements RecordGroup {
  readonly #builder: BatchBuilder

  constructor(recordBytesMax: number) {
    this.#builder = new BatchBuilder(recordBytesMax)
  }

  get bytes(): number {
    return this.#builder.count === 0 ? 0 : this.#builder.bytes
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
    this.#builder.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
  }

  /** The group's batch, at offset 0, in the builder's own memory until `discard`. */
  seal(producer?: Producer): Buffer {
    if (this.#builder.count === 0) throw new Error('An empty group cannot be committed')
    return this.#builder.finish(0, producer)
  }

  discard(): void {
    this.#builder.clear()
  }
}
