import type { Env } from '@millrace/core'
import type { Outcome } from '../../record-batch/control-batch.ts'
import type { Producer } from '../../record-batch/format.ts'
import { diskFailed, logDamaged } from '../errors.ts'
import { lifeSignIn } from '../membership/member-file.ts'
import { sameTransaction } from '../partition/open-transactions.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import type { OpenTransaction, Tail } from '../partition/tail.ts'
import { journalPath, memberPath, ownerPath } from '../paths.ts'
import type { TopicStore } from '../topic-store.ts'
import { type Durability, PartitionAppender } from '../writing/partition-appender.ts'
import { syncActive } from '../writing/sync-active.ts'
import { type ClosedWriters, closedOutcome, readClosed } from './closed-writers.ts'
import { type JournalRecord, TransactionJournal } from './journal.ts'
import { findJournal } from './journals.ts'
import { OwnerLock } from './owner-lock.ts'

/**
 * A transaction is taken from its owner after this time without a sign of life: the owner may be stopped, and others wait. A
 * group's member shows a sign of life as long as its process runs; any other owner only when it ends the transaction.
 */
const TRANSACTION_TIMEOUT_MS = 60_000

/**
 * Ends transactions whose owners did not: for readers that wait behind one, for a process that opens the same id again, and
 * for a group whose member is dead. It never changes a decision that the journal holds.
 */
export class TransactionFinisher {
  readonly #env: Env
  readonly #data: string
  readonly #topics: TopicStore
  readonly #durability: Durability
  readonly #closed: ClosedWriters
  /** When an undecided transaction of a living owner was first seen with the owner's present heartbeat, monotonic ms. */
  readonly #met = new Map<string, { readonly sinceMs: number; readonly beats: number | undefined }>()

  constructor(env: Env, data: string, topics: TopicStore, durability: Durability, closed: ClosedWriters) {
    this.#env = env
    this.#data = data
    this.#topics = topics
    this.#durability = durability
    this.#closed = closed
  }

  /** Ends each open transaction of a partition that can be ended: it is decided, or its owner is dead or silent for too long. */
  async meet(partition: PartitionFiles): Promise<void> {
    try {
      for (const open of partition.readTail()?.open ?? []) {
        const outcome = await this.#judge(partition, open)
        if (outcome !== undefined) await this.#mark(partition.topic, partition.partition, open, outcome)
      }
    } catch (error) {
      const { directory, topic, partition: number } = partition
      throw diskFailed(directory, error, { topic, partition: number })
    }
  }

  /**
   * Takes a journal from its owner: the owner can append nothing more, and everything that it left open is ended, durably;
   * what it had committed is kept elsewhere. Under the journal's lock.
   */
  async takeOver(journal: TransactionJournal): Promise<void> {
    const record = journal.read()
    if (record === undefined || record.retired) return
    const { producer } = record
    await this.#secure(journal)
    journal.write({ ...record, producer: { id: producer.id, epoch: producer.epoch + 1 } })
    await this.#sync(journal)
    for (const { name, partitions } of this.#topics.list()) {
      for (let partition = 0; partition < partitions; partition++) {
        // A marker may be there already without being durable, and the journal is about to drop its record of it.
        if (await this.#endIn(name, partition, record)) await this.#syncActive(name, partition)
      }
    }
    await this.#closed.addFenced(producer, record.decided)
  }

  /** Whether an id has a journal: if so, its writer did not close normally. */
  hasJournal(transactionalId: string): boolean {
    return this.#env.files.stat(journalPath(this.#data, transactionalId)) !== undefined
  }

  /** Takes over a journal that no process is going to open again, and removes it. A journal that is missing is not an error. */
  async retire(transactionalId: string): Promise<void> {
    if (!this.hasJournal(transactionalId)) return
    const { files } = this.#env
    const journal = new TransactionJournal(files, this.#data, transactionalId)
    try {
      await journal.lock()
      await this.takeOver(journal)
      this.remove(journal)
    } catch (error) {
      throw diskFailed(journal.path, error)
    } finally {
      journal.close()
    }
  }

  /** Removes a journal that has nothing open. Under its lock: a process that waits for the lock finds the journal retired. */
  remove(journal: TransactionJournal): void {
    const record = journal.read()
    const { files } = this.#env
    if (record !== undefined) {
      journal.write({ ...record, decided: null, retired: true })
      files.remove(ownerPath(this.#data, record.owner))
    }
    files.remove(journal.path)
  }

  /** How an open transaction ends; undefined while its owner may still decide. */
  async #judge(partition: PartitionFiles, open: OpenTransaction): Promise<Outcome | undefined> {
    const { files } = this.#env
    const name = findJournal(files, this.#data, open.id)
    if (name === undefined) {
      // Another process ended the transaction between the two looks, and removed its journal.
      if (partition.readTail()?.open.some((each) => sameTransaction(each, open)) !== true) return undefined
      // Or its owner was stopped in the middle of this append, and finished it after others had taken and removed the
      // journal.
      const outcome = closedOutcome(readClosed(files, this.#data), open)
      if (outcome === undefined) throw this.#journalMissing(partition, open)
      return outcome
    }
    const journal = new TransactionJournal(files, this.#data, name)
    try {
      const record = journal.read()
      const known = outcomeIn(record, open)
      if (known === 'aborted' || record === undefined) return known
      const mayDecide = OwnerLock.isHeld(files, this.#data, record.owner) && !this.#isOverdue(open, name)
      return known === undefined && mayDecide ? undefined : await this.#decide(journal, open)
    } finally {
      journal.close()
    }
  }

  /** Decides for an owner that does not, or makes sure that its decision is durable. */
  async #decide(journal: TransactionJournal, open: OpenTransaction): Promise<Outcome | undefined> {
    let known: Outcome | undefined
    await journal.lock()
    try {
      const record = journal.read()
      known = outcomeIn(record, open)
      if (known === 'aborted' || record === undefined) return known
      // The owner may have died, or failed, while it made its decision durable. After a failed sync, a second one does not
      // write the lost bytes, so they are written again. No reader may see what a power cut could still undo.
      const producer = known === 'committed' ? record.producer : { id: open.id, epoch: open.epoch + 1 }
      await this.#secure(journal)
      journal.write({ ...record, producer })
    } finally {
      journal.unlock()
    }
    await this.#sync(journal)
    return known ?? 'aborted'
  }

  #isOverdue(open: OpenTransaction, transactionalId: string): boolean {
    const nowMs = this.#env.clock.monotonic()
    const name = `${open.id}:${open.epoch}`
    const beats = this.#beatsOf(transactionalId)
    const met = this.#met.get(name)
    if (met === undefined || met.beats !== beats) {
      this.#met.set(name, { sinceMs: nowMs, beats })
      return false
    }
    if (nowMs - met.sinceMs <= TRANSACTION_TIMEOUT_MS) return false
    this.#met.delete(name)
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

  async #sync(journal: TransactionJournal): Promise<void> {
    if (this.#durability === 'fsync') await journal.sync()
  }

  async #secure(journal: TransactionJournal): Promise<void> {
    if (this.#durability === 'fsync') await journal.secure()
  }

  #journalMissing({ topic, partition, directory }: PartitionFiles, open: OpenTransaction): Error {
    return logDamaged(
      `${directory}/tail`,
      0,
      `producer ${open.id} has a transaction here since offset ${open.firstOffset}, and its journal is missing: nothing ` +
        `says whether it was committed`,
      { topic, partition, offset: open.firstOffset },
    )
  }
}

/** A transaction's outcome in a journal; undefined if it is not decided. */
export function outcomeIn(record: JournalRecord | undefined, open: Producer): Outcome | undefined {
  if (record === undefined) return undefined
  if (record.decided !== null && sameTransaction(record.decided, open)) return 'committed'
  if (record.retired || record.producer.id !== open.id || record.producer.epoch > open.epoch) return 'aborted'
  return undefined
}
