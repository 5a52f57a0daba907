import { NO_HEADERS } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import { StreamOperator } from '../operator.ts'
import { appendTo, type Output } from './append.ts'

/**
 * Appends every record to a topic under the key bytes that it was read with: for streams whose key was not changed and
 * whose topics agree on the serde, so that the key is neither decoded nor encoded.
 */
export class SameKeySinkOperator extends StreamOperator {
  readonly #record: CurrentRecord
  readonly #output: Output

  constructor(record: CurrentRecord, output: Output) {
    super()
    this.#record = record
    this.#output = output
  }

  process(_key: unknown, value: unknown, timestamp: number): void {
    const output = this.#output
    const { bytes, keyStart, keyEnd } = this.#record.batch
    const count = output.writers.length
    const partition = count === 1 ? 0 : partitionOf(bytes, keyStart, keyEnd, count)
    const writer = output.writers[partition] ?? output.home
    appendTo(output, writer, timestamp, bytes, keyStart, keyEnd, value, NO_HEADERS)
  }
}
