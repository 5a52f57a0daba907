import { type RecordContext, RecordError } from '@millrace/core'
import { describeValue } from '@millrace/core/internal'
import type { UserCallback } from '../callback.ts'
import { callbackFailed, StreamOperator } from '../operator.ts'
import type { BlockTask } from '../step-context.ts'
import { TopicOpening } from './topic-opening.ts'

/** Makes the operator that appends to a topic. Rejects with `TOPIC_MISSING`. */
type OpenSink = (topic: string) => Promise<StreamOperator>

/**
 * Appends each record to the topic that a callback names for it. A topic is opened when it is first named: the task waits
 * until it is open, and then does the whole unit again, so that a record has all of its effects or none.
 */
export class ChosenTopicSinkOperator extends StreamOperator {
  readonly #step: string
  readonly #choose: UserCallback<string>
  readonly #context: RecordContext
  readonly #open: OpenSink
  readonly #block: BlockTask
  readonly #topics = new Map<string, StreamOperator>()
  readonly #opening = new Set<string>()

  constructor(step: string, choose: UserCallback<string>, context: RecordContext, open: OpenSink, block: BlockTask) {
    super()
    this.#step = step
    this.#choose = choose
    this.#context = context
    this.#open = open
    this.#block = block
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
      this.#block(this.#openTopic(name))
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
    throw new RecordError(
      'CALLBACK_FAILED',
      `The callback of ${this.#step} returned ${describeValue(name)}. It must return the name of a topic`,
      {
        step: this.#step,
      },
    )
  }

  async #openTopic(name: string): Promise<void> {
    this.#topics.set(name, await this.#open(name))
    this.#opening.delete(name)
  }
}
