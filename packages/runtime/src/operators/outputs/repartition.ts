import type { RepartitionNode } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { IdentityHeader } from '../../task/record-identity.ts'
import { anySerde } from '../any-serde.ts'
import { StreamOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import { appendTo, type Output } from './append.ts'
import { KeyEncoder } from './key-encoder.ts'

export const compileRepartition: CompileStep<RepartitionNode> = (node, context) => {
  const output = context.outputTo(node.label, context.repartitionTopic(node), node.value)
  context.sendMarkers(context.timeBefore(node), output.writers)
  const keys = new KeyEncoder(node.label, anySerde(node.key), output.writers.length)
  return () => [new RepartitionOperator(context.record, context.identity, keys, output)]
}

/**
 * Sends records through one of the job's own topics, to the partition of their key, each with its identity, so that the
 * reading task can drop what it gets twice.
 */
class RepartitionOperator extends StreamOperator {
  readonly #record: CurrentRecord
  readonly #identity: IdentityHeader
  readonly #keys: KeyEncoder
  readonly #output: Output

  constructor(record: CurrentRecord, identity: IdentityHeader, keys: KeyEncoder, output: Output) {
    super()
    this.#record = record
    this.#identity = identity
    this.#keys = keys
    this.#output = output
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const output = this.#output
    requireKey(output.step, key)
    const keys = this.#keys
    keys.encode(key)
    const record = this.#record
    this.#identity.set(record.inputId, record.offset, record.outputs++, record.watermark - timestamp)
    const writer = output.writers[keys.partition] ?? output.home
    appendTo(output, writer, timestamp, keys.bytes, 0, keys.end, value, this.#identity.headers)
  }
}
