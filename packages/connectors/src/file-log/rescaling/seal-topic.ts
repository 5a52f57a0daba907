import { type Env, RefusedError, type TopicDescription } from '@millrace/core'
import { PartitionFiles } from '../partition/partition-files.ts'
import type { TransactionFinisher } from '../transactions/finisher.ts'
import { openAppender } from '../writing/open-appender.ts'

/**
 * How long to wait for open transactions. A job commits every 100 ms by default, so this is a hundred of its commits; a transaction
 * that stays open for longer is that of a program that must be stopped first.
 */
const SEAL_WAIT_MS_MAX = 10_000
const SEAL_LOOK_MS = 1

/**
 * Seals all partitions of a topic at one moment at which no transaction is open in any of them: nothing is appended after it. Returns
 * where each partition ends. The caller holds the lock of the topic's rescaling, and has nothing sealed once it is released. Throws
 * `PARTITION_IN_USE`.
 */
export async function sealTopic(
  env: Env,
  data: string,
  topic: TopicDescription,
  finisher: TransactionFinisher,
): Promise<readonly number[]> {
  const partitions = Array.from(
    { length: topic.partitions },
    (_, partition) => new PartitionFiles(env.files, data, topic.name, partition),
  )
  try {
    const deadline = env.clock.monotonic() + SEAL_WAIT_MS_MAX
    for (;;) {
      for (const partition of partitions) await prepare(env, data, topic, partition, finisher)
      const ends = trySeal(partitions)
      if (ends !== undefined) return ends
      if (env.clock.monotonic() >= deadline) throw stillOpen(partitions, topic.name)
      await new Promise<void>((resolve) => env.timers.after(SEAL_LOOK_MS, resolve))
    }
  } finally {
    for (const partition of partitions) partition.close()
  }
}

/** Ends what others have left to be done in a partition. */
async function prepare(
  env: Env,
  data: string,
  topic: TopicDescription,
  partition: PartitionFiles,
  finisher: TransactionFinisher,
): Promise<void> {
  const { pending, open } = await partition.settle()
  if (open.length > 0) await finisher.finishIn(partition)
  if (pending !== 'settle' && pending !== 'roll') return
  const appender = await openAppender(env, data, topic, partition.partition)
  try {
    await appender.settle()
  } finally {
    appender.close()
  }
}

/** Synchronous, so that no partition's lock is held while anything is waited for. */
function trySeal(partitions: readonly PartitionFiles[]): readonly number[] | undefined {
  const locked: PartitionFiles[] = []
  try {
    for (const partition of partitions) {
      if (!partition.tryLock()) return undefined
      locked.push(partition)
    }
    const tails = partitions.map((partition) => ({ partition, tail: partition.currentTail() }))
    if (tails.some(({ tail }) => tail.open.length > 0 || (tail.pending !== null && tail.pending !== 'seal'))) {
      return undefined
    }
    for (const { partition, tail } of tails) partition.writeTail({ ...tail, pending: 'seal' })
    return tails.map(({ tail }) => tail.nextOffset)
  } finally {
    for (const partition of locked) partition.unlock()
  }
}

function stillOpen(partitions: readonly PartitionFiles[], topic: string): RefusedError {
  const open = partitions.find((partition) => (partition.readTail()?.open.length ?? 0) > 0)
  const place = `${topic}/${open?.partition ?? 0}`
  return new RefusedError(
    'PARTITION_IN_USE',
    `Topic ${topic} cannot be rescaled, because a transaction stays open in ${place}. Stop the job or the program that appends to the ` +
      'topic, and try again',
    { topic },
  )
}

/** Lifts the seals that the caller has set. */
export async function unsealTopic({ files }: Env, data: string, topic: TopicDescription): Promise<void> {
  for (let number = 0; number < topic.partitions; number++) {
    const partition = new PartitionFiles(files, data, topic.name, number)
    try {
      await partition.withTail((tail) => {
        if (tail.pending === 'seal') partition.writeTail({ ...tail, pending: 'settle' })
      })
    } finally {
      partition.close()
    }
  }
}
