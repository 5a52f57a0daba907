import { NO_HEADERS } from '@millrace/core'
import { isKeyless, type SinkNode } from '@millrace/core/internal'
import { anySerde } from '../any-serde.ts'
import { userCallback } from '../callback.ts'
import { StreamOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import { appendTo, type Output } from './append.ts'
import { ChosenTopicSinkOperator } from './chosen-topic-sink.ts'
import { KeyEncoder } from './key-encoder.ts'
import { SameKeySinkOperator } from './same-key-sink.ts'

export const compileSink: CompileStep<SinkNode> = (node, context) => {
  const { label, topic } = node
  const key = anySerde(topic.key)
  const sinkTo = (output: Output): StreamOperator =>
    isKeyless(key)
      ? new KeylessSinkOperator(output)
      : new SinkOperator(new KeyEncoder(label, key, output.writers.length), output)
  if ('choose' in topic) {
    const open = async (name: string) => sinkTo(await context.openOutput(label, name, topic.value))
    return () => [new ChosenTopicSinkOperator(label, userCallback(topic.choose), context.record, open, context.block)]
  }
  const output = context.outputTo(label, topic.name, topic.value)
  return () => [node.keepsBytes ? new SameKeySinkOperator(context.record, output) : sinkTo(output)]
}

/** Appends every record to a topic, in the partition that its key belongs to. */
class SinkOperator extends StreamOperator {
  readonly #keys: KeyEncoder
  readonly #output: Output

  constructor(keys: KeyEncoder, output: Output) {
    super()
    this.#keys = keys
    this.#output = output
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    const output = this.#output
    requireKey(output.step, key)
    const keys = this.#keys
    keys.encode(key)
    const writer = output.writers[keys.partition] ?? output.home
    appendTo(output, writer, timestamp, keys.bytes, 0, keys.end, value, NO_HEADERS)
  }
}

/** Appends every record to a topic without keys, in the task's own order. */
class KeylessSinkOperator extends StreamOperator {
  readonly #output: Output

  constructor(output: Output) {
    super()
    this.#output = output
  }

  process(_key: unknown, value: unknown, timestamp: number): void {
    const output = this.#output
    appendTo(output, output.home, timestamp, null, 0, 0, value, NO_HEADERS)
  }
}
