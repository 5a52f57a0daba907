import { ByteWriter, RecordError, type Serde } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'

/** Keys remembered with their bytes and partition: 4096 × about 150 B is well under a megabyte for each sink. */
const KEYS_REMEMBERED_MAX = 4096

interface RememberedKey {
  readonly bytes: Buffer
  readonly partition: number
}

/**
 * A key as bytes, with the partition that it belongs to. The fields hold the last encoded key until the next call. Streams
 * repeat their keys, so primitive keys are remembered.
 */
export class KeyEncoder {
  bytes: Buffer = Buffer.alloc(0)
  /** The key is `bytes[0, end)`. */
  end = 0
  partition = 0
  readonly #step: string
  readonly #serde: Serde<unknown>
  readonly #partitions: number
  readonly #writer = new ByteWriter(256)
  readonly #remembered = new Map<unknown, RememberedKey>()

  constructor(step: string, serde: Serde<unknown>, partitions: number) {
    this.#step = step
    this.#serde = serde
    this.#partitions = partitions
  }

  encode(key: unknown): void {
    const known = this.#serde.primitive ? this.#remembered.get(key) : undefined
    if (known !== undefined) {
      this.bytes = known.bytes
      this.end = known.bytes.length
      this.partition = known.partition
      return
    }
    const writer = this.#writer
    writer.clear()
    try {
      this.#serde.encode(key, writer)
    } catch (cause) {
      throw new RecordError(
        'RECORD_UNENCODABLE',
        `Step ${this.#step} cannot write a key as ${this.#serde.name}: ${cause instanceof Error ? cause.message : cause}`,
        {
          step: this.#step,
          cause,
        },
      )
    }
    this.bytes = writer.buffer
    this.end = writer.position
    this.partition = this.#partitions === 1 ? 0 : partitionOf(writer.buffer, 0, writer.position, this.#partitions)
    if (this.#serde.primitive) this.#remember(key)
  }

  #remember(key: unknown): void {
    // Clearing everything keeps the bound without any order to maintain: frequent keys are soon remembered again.
    if (this.#remembered.size === KEYS_REMEMBERED_MAX) this.#remembered.clear()
    this.#remembered.set(key, { bytes: this.#writer.toBytes(), partition: this.partition })
  }
}
