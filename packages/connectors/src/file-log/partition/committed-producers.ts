import { isControl, producerOf } from '../../record-batch/batch-header.ts'
import { outcomeOf } from '../../record-batch/control-batch.ts'
import { type Producer, readInt64, writeInt64 } from '../../record-batch/format.ts'

/**
 * The producers whose commits are in a partition, the latest at the end, each with the epoch of its last commit. They are
 * compared with their journals. They are kept as the bytes of the tail, since the tail is read and written far more often
 * than they change.
 */
export type CommittedProducers = Buffer

/**
 * How many producers each partition knows. For other producers, a journal that is older than the partition is not noticed. A
 * job has one producer for each container, and a new one whenever a container joins: 64 are more than run on one machine at
 * once.
 */
export const KNOWN_PRODUCERS_MAX = 64
export const COMMITTED_BYTES = 12

export const NO_PRODUCERS: CommittedProducers = Buffer.alloc(0)

/** A partition's committed producers after a batch, from those before it. */
export function committedAfter(committed: CommittedProducers, buffer: Buffer, at: number): CommittedProducers {
  if (!isControl(buffer, at) || outcomeOf(buffer, at) !== 'committed') return committed
  const { id, epoch } = producerOf(buffer, at)
  // A marker that a repair has written again may come after those of later transactions.
  const latest = Math.max(epoch, epochIn(committed, id) ?? 0)
  const last = committed.length - COMMITTED_BYTES
  if (last >= 0 && readInt64(committed, last) === id) {
    const same = Buffer.from(committed)
    same.writeInt32BE(latest, last + 8)
    return same
  }
  const others = committedBy(committed).filter((each) => each.id !== id)
  const all = [...others, { id, epoch: latest }].slice(-KNOWN_PRODUCERS_MAX)
  const after = Buffer.alloc(all.length * COMMITTED_BYTES)
  for (const [index, producer] of all.entries()) {
    writeInt64(after, producer.id, index * COMMITTED_BYTES)
    after.writeInt32BE(producer.epoch, index * COMMITTED_BYTES + 8)
  }
  return after
}

/** The epoch of a producer's last commit; undefined if none is known. */
export function epochIn(committed: CommittedProducers, id: number): number | undefined {
  for (let at = 0; at < committed.length; at += COMMITTED_BYTES) {
    if (readInt64(committed, at) === id) return committed.readInt32BE(at + 8)
  }
  return undefined
}

export function committedBy(committed: CommittedProducers): Producer[] {
  const producers: Producer[] = []
  for (let at = 0; at < committed.length; at += COMMITTED_BYTES) {
    producers.push({ id: readInt64(committed, at), epoch: committed.readInt32BE(at + 8) })
  }
  return producers
}
