import type { RecordContext } from '@millrace/core'
import { RecordError, type Serde } from '@millrace/core'
import { isKeyless } from '@millrace/core/internal'
import type { UserCallback } from './callback.ts'
import { KeyEncoder } from './key-encoder.ts'
import { callbackFailed, StreamOperator } from './operator.ts'
import { KeylessSinkOperator, type Output, SinkOperator } from './sink.ts'
import { TopicOpening } from './topic-opening.ts'

/** Opens the partitions of a topic for a task. Rejects with `TOPIC_MISSING`. */
export type OpenOutput = (topic: string) => Promise<Output>

/** Lets an operator hold its task: no record is taken, and nothing committed, until the promise settles. */
export type HoldTask = (until: Promise<unknown>) => void

/**
 * Appends each record to the topic that a callback names for it. A topic is opened when it is first named: the task waits
 * meanwhile, and then does the whole unit again, so that a record has all of its effects or none.
 */
export class ChosenTopicSinkOperator extends StreamOperator {
  readonly #step: string
  readonly #choose: UserCallback<string>
  readonly #key: Serde<unknown>
  readonly #context: RecordContext
  readonly #open: OpenOutput
  readonly #hold: HoldTask
  readonly #topics = new Map<string, StreamOperator>()
  readonly #opening = new Set<string>()

  constructor(
    step: string,
    choose: UserCallback<string>,
    key: Serde<unknown>,
    context: RecordContext,
    open: OpenOutput,
    hold: HoldTask,
  ) {
    super()
    this.#step = step
    this.#choose = choose
    this.#key = key
    this.#context = context
    this.#open = open
    this.#hold = hold
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    const name = this.#nameTopic(key, value)
    const topic = this.#topics.get(name)
    if (topic !== undefined) {
      topic.process(key, value, timestamp)
      return
    }
    if (!this.#opening.has(name)) {
      this.#opening.add(name)
      this.#hold(this.#openTopic(name))
    }
    throw new TopicOpening(name)
  }

  #nameTopic(key: unknown, value: unknown): string {
    let name: unknown
    try {
      name = this.#choose(value, key, this.#context)
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
    if (typeof name === 'string') return name
    throw new RecordError('CALLBACK_FAILED', `The callback of ${this.#step} returned ${name}: it must name a topic`, {
      step: this.#step,
    })
  }

  async #openTopic(name: string): Promise<void> {
    const output = await this.#open(name)
    const sink = isKeyless(this.#key)
      ? new KeylessSinkOperator(output)
      : new SinkOperator(new KeyEncoder(this.#step, this.#key, output.writers.length), output)
    this.#topics.set(name, sink)
    this.#opening.delete(name)
  }
}
