import type { Env } from '@millrace/core'
import type { Outcome } from '../../record-batch/control-batch.ts'
import type { Producer } from '../../record-batch/format.ts'
import { diskFailed, logDamaged } from '../errors.ts'
import { lifeSignIn } from '../membership/member-file.ts'
import { sameTransaction } from '../partition/open-transactions.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import type { OpenTransaction, Tail } from '../partition/tail.ts'
import { memberPath, sealedPath, transactionsDirectory } from '../paths.ts'
import { syncNames } from '../sync.ts'
import type { TopicStore } from '../topic-store.ts'
import { type Durability, PartitionAppender } from '../writing/partition-appender.ts'
import { syncActive } from '../writing/sync-active.ts'
import { type ClosedWriters, closedOutcome, readClosed } from './closed-writers.ts'
import type { TransactionJournal } from './journal.ts'
import { journalNames, journalsBefore } from './journal-names.ts'
import type { JournalRecord } from './journal-record.ts'
import { findJournal, openJournalIfThere } from './journals.ts'
import { sealJournal } from './seal-journal.ts'

/**
 * A transaction is taken from its owner after this time without a sign of life: the owner may be stopped, and others wait. A
 * group's member shows a sign of life as long as its process runs; any other owner only when it ends the transaction.
 */
const TRANSACTION_TIMEOUT_MS = 60_000

/**
 * Ends transactions whose owners did not: for readers that wait behind one, for a process that opens the same id again, and
 * for a group whose member is dead. It never changes a decision that a journal holds, and waits for no other process, except
 * for the lock of a partition during an append.
 */
export class TransactionFinisher {
  readonly #env: Env
  readonly #data: string
  readonly #topics: TopicStore
  readonly #durability: Durability
  readonly #closed: ClosedWriters
  /** When an undecided transaction of a living owner was first seen with the owner's present heartbeat, monotonic ms. */
  readonly #firstSeen = new Map<string, { readonly sinceMs: number; readonly beats: number | undefined }>()

  constructor(env: Env, data: string, topics: TopicStore, durability: Durability, closed: ClosedWriters) {
    this.#env = env
    this.#data = data
    this.#topics = topics
    this.#durability = durability
    this.#closed = closed
  }

  /** Ends each open transaction of a partition that can be ended: it is decided, or its owner is dead or silent for too long. */
  async finishIn(partition: PartitionFiles): Promise<void> {
    try {
      for (const open of partition.readTail()?.open ?? []) {
        const outcome = await this.#outcomeOf(partition, open)
        if (outcome !== undefined) await this.#mark(partition.topic, partition.partition, open, outcome)
      }
    } catch (error) {
      const { directory, topic, partition: number } = partition
      throw diskFailed(directory, error, { topic, partition: number })
    }
  }

  /** Whether an id has a journal: if so, its writer did not close normally. */
  hasJournal(transactionalId: string): boolean {
    return journalNames(this.#env.files, this.#data, transactionalId).length > 0
  }

  /**
   * Fences the owners of an id, and ends, durably, what they left open: all of them, or those whose journal comes before
   * another one. Several processes may do this at once, and one may continue what another began.
   */
  async retire(transactionalId: string, before?: string): Promise<void> {
    const { files } = this.#env
    const found = journalNames(files, this.#data, transactionalId)
    for (const { name } of before === undefined ? found : journalsBefore(before, found)) {
      const journal = openJournalIfThere(files, this.#data, name, 'update')
      if (journal === undefined) continue
      try {
        await this.#retire(journal)
      } catch (error) {
        throw diskFailed(journal.path, error)
      } finally {
        journal.close()
      }
    }
  }

  /** How a transaction ended of an owner that is fenced, according to its journal, or to what was kept of it. */
  async outcomeOf(journal: TransactionJournal, transaction: Producer): Promise<Outcome | undefined> {
    const record = await sealJournal(this.#env, this.#data, journal)
    if (record !== undefined) return outcomeIn(record, transaction) ?? 'aborted'
    return closedOutcome(readClosed(this.#env.files, this.#data), transaction)
  }

  async #retire(journal: TransactionJournal): Promise<void> {
    const { files } = this.#env
    const record = await sealJournal(this.#env, this.#data, journal)
    if (record !== undefined) {
      for (const { name, partitions } of this.#topics.list()) {
        for (let partition = 0; partition < partitions; partition++) {
          // A marker may be there already without being durable, and the journal is about to be removed.
          if (await this.#endIn(name, partition, record)) await this.#syncActive(name, partition)
        }
      }
      await this.#closed.addFenced(record.producer, record.decided)
    }
    files.remove(journal.path)
    // A journal that reappeared without its final record could get another one.
    await syncNames(files, transactionsDirectory(this.#data))
    files.remove(sealedPath(this.#data, journal.name))
  }

  /** How an open transaction ends; undefined while its owner may still decide, or has decided and may still end it itself. */
  async #outcomeOf(partition: PartitionFiles, open: OpenTransaction): Promise<Outcome | undefined> {
    const { files } = this.#env
    const found = findJournal(files, this.#data, open.id)
    if (found === undefined) {
      // Another process ended the transaction between the two looks, and removed its journal.
      if (partition.readTail()?.open.some((each) => sameTransaction(each, open)) !== true) return undefined
      // Or its owner was stopped in the middle of this append, and finished it after others had taken and removed the
      // journal.
      const outcome = closedOutcome(readClosed(files, this.#data), open)
      if (outcome === undefined) throw this.#journalMissing(partition, open)
      return outcome
    }
    const { name, transactionalId, record, sealed } = found
    if (outcomeIn(record, open) === 'aborted') return 'aborted'
    const journal = openJournalIfThere(files, this.#data, name, 'update')
    if (journal === undefined) return this.#outcomeOf(partition, open)
    try {
      if (!sealed && journal.isOwned && !this.#isOverdue(open, transactionalId)) return undefined
      // No reader may see what a power cut could still undo: the owner may not have made its decision durable.
      const outcome = await this.outcomeOf(journal, open)
      if (outcome === undefined) throw this.#journalMissing(partition, open)
      return outcome
    } finally {
      journal.close()
    }
  }

  #isOverdue(open: OpenTransaction, transactionalId: string): boolean {
    const nowMs = this.#env.clock.monotonic()
    const name = `${open.id}:${open.epoch}`
    const beats = this.#beatsOf(transactionalId)
    const firstSeen = this.#firstSeen.get(name)
    if (firstSeen === undefined || firstSeen.beats !== beats) {
      this.#firstSeen.set(name, { sinceMs: nowMs, beats })
      return false
    }
    if (nowMs - firstSeen.sinceMs <= TRANSACTION_TIMEOUT_MS) return false
    this.#firstSeen.delete(name)
    return true
  }

  /** The heartbeat of the group's member with an id, `<group>.<member>`; undefined if no member has it. */
  #beatsOf(transactionalId: string): number | undefined {
    const dot = transactionalId.lastIndexOf('.')
    if (dot < 0) return undefined
    const path = memberPath(this.#data, transactionalId.slice(0, dot), transactionalId.slice(dot + 1))
    return lifeSignIn(this.#env.files, path)?.beats
  }

  /** Ends what a producer left open in a partition; returns whether the partition has anything that may not be durable. */
  async #endIn(topic: string, partition: number, record: JournalRecord): Promise<boolean> {
    const files = new PartitionFiles(this.#env.files, this.#data, topic, partition)
    let tail: Tail
    try {
      tail = await files.settle()
    } finally {
      files.close()
    }
    const open = tail.open.filter(({ id }) => id === record.producer.id || id === record.decided?.id)
    for (const each of open) {
      const committed = record.decided !== null && sameTransaction(record.decided, each)
      await this.#mark(topic, partition, each, committed ? 'committed' : 'aborted')
    }
    return open.length > 0 || tail.synced.nextOffset < tail.nextOffset
  }

  async #mark(topic: string, partition: number, producer: Producer, outcome: Outcome): Promise<void> {
    const files = new PartitionFiles(this.#env.files, this.#data, topic, partition)
    // This appender never syncs, so it never begins a segment.
    const appender = new PartitionAppender(files, Number.POSITIVE_INFINITY)
    try {
      await appender.appendMarker(producer, outcome)
    } finally {
      appender.close()
    }
  }

  async #syncActive(topic: string, partition: number): Promise<void> {
    if (this.#durability === 'os') return
    const files = new PartitionFiles(this.#env.files, this.#data, topic, partition)
    try {
      await syncActive(files)
    } finally {
      files.close()
    }
  }

  #journalMissing({ topic, partition, directory }: PartitionFiles, open: OpenTransaction): Error {
    return logDamaged(
      `${directory}/tail`,
      0,
      `producer ${open.id} has a transaction here since offset ${open.firstOffset}, and its journal is missing: it is ` +
        `unknown whether it was committed`,
      { topic, partition, offset: open.firstOffset },
    )
  }
}

/** A transaction's outcome in a journal; undefined if it is not decided. */
export function outcomeIn(record: JournalRecord, open: Producer): Outcome | undefined {
  if (record.decided !== null && sameTransaction(record.decided, open)) return 'committed'
  if (record.producer.id !== open.id || record.producer.epoch > open.epoch) return 'aborted'
  return undefined
}
