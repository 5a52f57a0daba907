import type { Log } from '../contracts/log.ts'
import type { TransactionalWriter } from '../contracts/writers.ts'
import type { Topic } from '../dsl/topic.ts'
import { type TopicWriter, topicWriterOver } from './topic-writer.ts'

/**
 * A program's transactions, one after the other: what its writers send between two commits, to any number of topics, becomes
 * visible together or never. Made by `openTransactions`.
 */
export class Transactions {
  readonly #log: Log
  readonly #writer: TransactionalWriter

  /** Not for programs: use `openTransactions`. */
  constructor(log: Log, writer: TransactionalWriter) {
    this.#log = log
    this.#writer = writer
  }

  /** A writer of a topic, whose records belong to these transactions. It needs no closing. Throws `TOPIC_MISSING`. */
  writer<K, V>(topic: Topic<K, V>): Promise<TopicWriter<K, V>> {
    const close = async () => {}
    return topicWriterOver(this.#log, topic, { to: this.#writer, clock: this.#log.clock, close })
  }

  /**
   * Ends the transaction: everything that was sent since the last commit becomes visible together. Resolves when it is
   * durable. If it rejects, the transaction may or may not have happened, and these transactions are unusable: open others with
   * the same id, and read the topics to see whether it happened. Throws `WRITER_FENCED` if another program has opened the same id since.
   */
  async commit(): Promise<void> {
    await this.#writer.commit([])
  }

  /** Discards everything that was sent since the last commit: it never becomes visible. */
  abort(): Promise<void> {
    return this.#writer.abort()
  }

  /** Discards what is not committed, and releases the id. */
  close(): Promise<void> {
    return this.#writer.close()
  }
}

/**
 * Opens the transactions of a program. `id` names the program among all that write to the log: its transactions have one
 * owner, and the next program that opens them aborts what the owner before has left, and fences it. Throws `BAD_NAME`, and
 * `UNSUPPORTED` for a log without transactions.
 *
 * ```ts
 * const till = await openTransactions(log, 'till-7')
 * const [orders, stock] = [await till.writer(ordersTopic), await till.writer(stockTopic)]
 * orders.send({ key: 'ann', value: order })
 * stock.send({ key: 'figs', value: -1 })
 * await till.commit()
 * ```
 */
export async function openTransactions(log: Log, id: string): Promise<Transactions> {
  return new Transactions(log, await log.openTransactionalWriter(id))
}
