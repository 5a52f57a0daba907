import type { Batch, Log, TopicDescription, TransactionalWriter } from '@millrace/core'
import { topicWriterOver } from '@millrace/core/internal'
import { RAW_CONTENT } from '../raw-content.ts'
import { readLetters } from './read-letters.ts'
import { ResendTally } from './resend-tally.ts'
import { makeResentTopic, RESENT, resentBefore, resentKey } from './resent.ts'
import type { Letter } from './sendable.ts'
import { placeOf, Targets } from './targets.ts'

/** What would be sent from the given offsets on. Throws as `Targets.partitionFor`. */
export async function planResend(
  log: Log,
  topic: TopicDescription,
  before: readonly number[],
  byKey: boolean,
): Promise<ResendTally> {
  const targets = new Targets(log, byKey)
  const tally = new ResendTally()
  await readLetters(log, topic, before, async (letter, batch) => {
    if (letter.refusal === undefined) {
      await targets.partitionFor(letter.input, batch)
      tally.countSent(letter.input.topic)
    } else tally.countLeft(placeOf(batch), letter.refusal)
    return true
  })
  return tally
}

/**
 * Sends the records of the dead letters that the topic has now and that were not sent before, each once: they become visible in the
 * same transactions as how far the topic was sent. Throws as `Targets.partitionFor`, before anything is sent. The caller has
 * claimed the topic.
 */
export async function sendAgain(log: Log, topic: TopicDescription, byKey: boolean): Promise<ResendTally> {
  await makeResentTopic(log)
  const writer = await log.openTransactionalWriter(`${topic.name}.resend`)
  try {
    // Only now: until it was fenced, the writer before could still commit.
    const before = await resentBefore(log, topic)
    await planResend(log, topic, before, byKey)
    const resending = new Resending(log, topic, writer, byKey)
    await readLetters(log, topic, before, (letter, batch) => resending.send(letter, batch))
    await resending.commit()
    return resending.tally
  } finally {
    await writer.close()
  }
}

/** Sends letter after letter, in transactions that also record how far it has come. */
class Resending {
  readonly tally = new ResendTally()
  readonly #log: Log
  readonly #topic: TopicDescription
  readonly #writer: TransactionalWriter
  readonly #targets: Targets
  /** The partition of dead letters that is being sent, and the offset behind the last one; undefined after a commit. */
  #place: { readonly partition: number; readonly next: number } | undefined

  constructor(log: Log, topic: TopicDescription, writer: TransactionalWriter, byKey: boolean) {
    this.#log = log
    this.#topic = topic
    this.#writer = writer
    this.#targets = new Targets(log, byKey)
  }

  async send(letter: Letter, batch: Batch): Promise<true> {
    if (this.#place !== undefined && this.#place.partition !== batch.partition) await this.commit()
    if (letter.refusal === undefined) {
      const { topic } = letter.input
      const to = await this.#writer.openPartition(topic, await this.#targets.partitionFor(letter.input, batch))
      const { bytes, timestamp, keyStart, keyEnd, valueStart, valueEnd } = batch
      const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd)
      to.append(timestamp, keyStart < 0 ? null : bytes, keyStart, keyEnd, value, RAW_CONTENT, letter.headers)
      this.tally.countSent(topic)
    } else this.tally.countLeft(placeOf(batch), letter.refusal)
    this.#place = { partition: batch.partition, next: batch.offset + 1 }
    if (this.#writer.backlogged && (await this.#writer.flush()) === 'commit') await this.commit()
    return true
  }

  /** Makes visible what was sent since the last commit, and records it. */
  async commit(): Promise<void> {
    const place = this.#place
    if (place === undefined) return
    const { name, id } = this.#topic
    const resent = await topicWriterOver(this.#log, RESENT, {
      to: this.#writer,
      clock: this.#log.clock,
      close: async () => {},
    })
    resent.send({ key: resentKey(name, place.partition), value: { id, next: place.next } })
    await this.#writer.commit([])
    this.#place = undefined
  }
}
