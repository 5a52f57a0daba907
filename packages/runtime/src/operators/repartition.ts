import type { CurrentRecord } from '../task/current-record.ts'
import type { OriginHeader } from '../task/origin.ts'
import { requireKey } from './aggregate.ts'
import type { KeyEncoder } from './key-encoder.ts'
import { StreamOperator } from './operator.ts'
import { appendTo, type Output } from './sink.ts'

/**
 * Sends records through a topic of the job's own, to the partition of their key, each with its origin, so that the
 * reading task can drop what it gets twice.
 */
export class RepartitionOperator extends StreamOperator {
  readonly #record: CurrentRecord
  readonly #origin: OriginHeader
  readonly #keys: KeyEncoder
  readonly #output: Output

  constructor(record: CurrentRecord, origin: OriginHeader, keys: KeyEncoder, output: Output) {
    super()
    this.#record = record
    this.#origin = origin
    this.#keys = keys
    this.#output = output
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const output = this.#output
    requireKey(output.step, key)
    const keys = this.#keys
    keys.encode(key)
    const record = this.#record
    this.#origin.set(record.inputId, record.offset, record.outputs++, record.watermark - timestamp)
    const writer = output.writers[keys.partition] ?? output.home
    appendTo(output, writer, timestamp, keys.bytes, 0, keys.end, value, this.#origin.headers)
  }
}
