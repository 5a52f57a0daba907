import type { Env } from '@millrace/core'
import { setBaseOffset } from '../../record-batch/batch-builder.ts'
import { nextOffset } from '../../record-batch/batch-header.ts'
import { controlBatch, type Outcome } from '../../record-batch/control-batch.ts'
import { BASE_OFFSET_AT, writeInt64 } from '../../record-batch/format.ts'
import { checkPartition } from '../../topic-errors.ts'
import { diskFailed, logDamaged } from '../errors.ts'
import { committedAfter, NO_PRODUCERS } from '../partition/committed-producers.ts'
import { openAfter, sameTransaction } from '../partition/open-transactions.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { rewrite } from '../partition/rewrite.ts'
import { bootMark, EMPTY_TAIL, type OpenTransaction, type Tail } from '../partition/tail.ts'
import { syncFile, syncNames } from '../sync.ts'
import { outcomeIn } from '../transactions/finisher.ts'
import { findJournal } from '../transactions/journals.ts'
import { keepDamaged, ownCopy } from './keep-damaged.ts'
import { findMarker } from './marker-search.ts'
import { fillingOf, planRepair, type RepairPlan } from './plan-repair.ts'
import type { Fix } from './problem.ts'
import { partitionInUse, refuseUsers } from './users.ts'
import { checkDataDirectory, countPartitions } from './verify-log.ts'
import { verifyPartition } from './verify-partition.ts'

/** A transaction whose marker was lost, and the outcome that it has now. */
export interface ReplacedMarker extends OpenTransaction {
  readonly outcome: Outcome
  /** Whether the outcome was found somewhere; if not, the transaction counts as aborted. */
  readonly known: boolean
}

/** What was done. */
export interface Repaired {
  readonly plan: RepairPlan
  /** Where the copies of the files from before the repair are. */
  readonly kept: readonly string[]
  readonly markers: readonly ReplacedMarker[]
}

/** Returns what repairing a partition would do; nothing is changed. Throws as `dumpPartition` does. */
export async function inspectPartition(env: Env, data: string, topic: string, partition: number): Promise<RepairPlan> {
  await checkDataDirectory(env, data)
  checkPartition(topic, partition, countPartitions(env, data, topic))
  return planRepair(verifyPartition(env.files, data, topic, partition).problems)
}

/**
 * Makes a damaged partition readable again; what cannot be read is lost: empty batches replace the lost offsets. Every file
 * that is changed is copied to `<data>/damaged` first. Throws `PARTITION_IN_USE`, and `LOG_DAMAGED` if no repair is known.
 */
export async function repairPartition(env: Env, data: string, topic: string, partition: number): Promise<Repaired> {
  await checkDataDirectory(env, data)
  checkPartition(topic, partition, countPartitions(env, data, topic))
  refuseUsers(env.files, data, topic, partition)
  const files = new PartitionFiles(env.files, data, topic, partition)
  try {
    if (!files.tryLock()) throw partitionInUse(topic, partition, 'a process appends to it')
    try {
      return await new Repair(files).run()
    } finally {
      files.unlock()
    }
  } catch (error) {
    throw diskFailed(files.directory, error, { topic, partition })
  } finally {
    files.close()
  }
}

/** One repair, under the partition's lock. */
class Repair {
  readonly #files: PartitionFiles
  readonly #kept: string[] = []

  constructor(files: PartitionFiles) {
    this.#files = files
  }

  async run(): Promise<Repaired> {
    const plan = this.#verify()
    const [impossible] = plan.impossible
    if (impossible !== undefined) {
      const { file, position, what, offset } = impossible
      throw logDamaged(
        file,
        position,
        `${what}, and no repair for that is known`,
        offset === undefined ? {} : { offset },
      )
    }
    if (!plan.needed) return { plan, kept: [], markers: [] }
    const before = this.#files.readTail()
    const damaged = plan.problems.filter(({ severity }) => severity === 'damage')
    if (damaged.length > 0) {
      await this.#keep(
        damaged.flatMap(({ fix }) => (fix.kind === 'fill' || fix.kind === 'baseOffset' ? [fix.base] : [])),
      )
      for (const { fix } of damaged) await this.#fix(fix)
      await this.#forgetTail(before)
    }
    const tail = this.#files.currentTail()
    const markers = damaged.length === 0 ? [] : await this.#replaceMarkers(tail, before)
    const left = this.#verify().problems.find(({ severity }) => severity !== 'harmless')
    if (left !== undefined) throw logDamaged(left.file, left.position, `${left.what}, after the repair`)
    return { plan, kept: this.#kept, markers }
  }

  #verify(): RepairPlan {
    const { files, data, topic, partition } = this.#files
    return planRepair(verifyPartition(files, data, topic, partition, true).problems)
  }

  async #keep(bases: readonly number[]): Promise<void> {
    const { files, data, topic, partition, tailPath } = this.#files
    const segments = [...new Set(bases)].map((base) => this.#files.segmentPath(base))
    for (const path of [...segments, tailPath]) {
      if (files.stat(path) !== undefined) this.#kept.push(await keepDamaged(files, data, topic, partition, path))
    }
  }

  async #fix(fix: Fix): Promise<void> {
    if (fix.kind !== 'fill' && fix.kind !== 'baseOffset') return
    const { files, directory } = this.#files
    const path = this.#files.segmentPath(fix.base)
    const isClosed = fix.base !== this.#files.segments().at(-1)
    if (isClosed && files.stat(path) !== undefined) await ownCopy(files, directory, path)
    const file = this.#files.openSegment(fix.base, 'write')
    try {
      if (fix.kind === 'baseOffset') {
        const offset = Buffer.alloc(8)
        writeInt64(offset, fix.offset, 0)
        file.write(offset, 0, offset.length, fix.position + BASE_OFFSET_AT)
      } else {
        const filling = fillingOf(fix) ?? Buffer.alloc(0)
        if (filling.length > 0) file.write(filling, 0, filling.length, fix.position)
        if (fix.last) file.truncate(fix.position + filling.length)
      }
      await syncFile(file)
    } finally {
      file.close()
    }
  }

  /** Makes recovery look at every segment again: what is open, what comes next and what is durable may have changed. */
  async #forgetTail(tail: Tail | undefined): Promise<void> {
    const { files, directory } = this.#files
    const segments = this.#files.segments()
    const file = this.#files.openSegment(segments.at(-1) ?? 0, 'write')
    try {
      // Recovery takes what it reads for durable: also what other processes wrote and a failed sync of theirs has lost.
      rewrite(file, 0, file.size())
      await syncFile(file)
    } finally {
      file.close()
    }
    await syncNames(files, directory)
    // Segments that retention deleted, but did not remove before its process died, do not count.
    const base = segments.findLast((each) => each <= (tail?.startOffset ?? 0)) ?? segments[0] ?? 0
    const boot = (bootMark(files.boot) ^ 1) >>> 0
    const committed = NO_PRODUCERS
    const synced = { base, bytes: 0, nextOffset: base, open: [], committed }
    this.#files.writeTail({ ...(tail ?? EMPTY_TAIL), maxTimestamp: -1, boot, open: [], committed, synced })
  }

  /** Ends the transactions whose markers were lost: another partition's marker or the journal has the outcome. */
  async #replaceMarkers(tail: Tail, before: Tail | undefined): Promise<ReplacedMarker[]> {
    const markers: ReplacedMarker[] = []
    let last = tail
    for (const open of tail.open) {
      // A transaction that was open before the repair is left alone, and so is one that its owner may still decide.
      if (before?.open.some((each) => sameTransaction(each, open)) === true) continue
      const ended = this.#outcomeOf(open)
      if (ended === undefined) continue
      last = await this.#append(last, open, ended.outcome)
      markers.push({ ...open, ...ended })
    }
    return markers
  }

  #outcomeOf(open: OpenTransaction): { readonly outcome: Outcome; readonly known: boolean } | undefined {
    const { files, data } = this.#files
    const marker = findMarker(files, data, open)
    if (marker !== undefined) return { outcome: marker, known: true }
    const journal = findJournal(files, data, open.id)
    if (journal === undefined) return { outcome: 'aborted', known: false }
    const outcome = outcomeIn(journal.record, open)
    // An older transaction counts as aborted in the journal, which only knows the last one.
    return outcome && { outcome, known: outcome === 'committed' }
  }

  async #append(tail: Tail, transaction: OpenTransaction, outcome: Outcome): Promise<Tail> {
    const batch = controlBatch(transaction, outcome, Math.max(0, tail.maxTimestamp))
    setBaseOffset(batch, tail.nextOffset)
    const file = this.#files.openSegment(tail.activeBase, 'write')
    try {
      file.write(batch, 0, batch.length, tail.activeBytes)
      await syncFile(file)
    } finally {
      file.close()
    }
    const next: Tail = {
      ...tail,
      activeBytes: tail.activeBytes + batch.length,
      nextOffset: nextOffset(batch, 0),
      open: openAfter(tail.open, batch, 0, tail.nextOffset),
      committed: committedAfter(tail.committed, batch, 0),
    }
    this.#files.writeTail(next)
    return next
  }
}
