import { type Gap, type Position, RefusedError } from '@millrace/core'
import { changelogTopic, dictionary, offsetIn, ownValue } from '@millrace/core/internal'
import { beginningsIn } from '../catalog/catalog.ts'
import { isGlobalKey } from '../task/global-key.ts'
import type { PresentProgress } from './present-progress.ts'
import type { RewindPlace } from './rewind-place.ts'
import type { SavepointsOptions } from './savepoints.ts'

/** What a rewind does with the positions of a job. */
export interface RewindPlan {
  /** Every partition of every input: from where the job is to where it continues, which may be the same. */
  readonly moves: readonly Gap[]
  /** The ids of the inputs, by name. */
  readonly ids: ReadonlyMap<string, string>
}

/** How a job is rewound. */
export interface RewindRequest {
  readonly to: RewindPlace
  /** Whether the job keeps the state that it has. Default false: it begins with none. */
  readonly keepState?: boolean
  /** Whether records may be left out that the job has not processed. Default false. */
  readonly skip?: boolean
  /** See `RestoreSavepointOptions`. */
  readonly repeatOutputs?: boolean
}

/** What a rewind to a position does; partitions that the position does not list stay where they are. */
export async function planRewind(
  { job, log: { admin } }: SavepointsOptions,
  { catalog, checkpoints }: PresentProgress,
  target: Position,
): Promise<RewindPlan> {
  const moves: Gap[] = []
  const ids = new Map<string, string>()
  for (const topic of inputsOf(job, { catalog, checkpoints })) {
    const description = await admin.describeTopic(topic)
    // A former version of the job read it.
    if (description === undefined) continue
    ids.set(topic, description.id)
    for (let partition = 0; partition < description.partitions; partition++) {
      const beginning = ownValue(beginningsIn(catalog), topic)
      const known =
        checkpoints.get(partition)?.get(topic)?.offset ??
        (beginning?.topicId === description.id ? ownValue(beginning.offsets, partition) : undefined)
      const from = known ?? (await admin.offsets(topic, partition)).start
      moves.push({ topic, partition, from, to: offsetIn(target, topic, partition) ?? from })
    }
  }
  return { moves, ids }
}

/** The offsets that a place stands for now. Throws `REWIND_REFUSED` for a position that the inputs do not have. */
export async function targetOf(
  options: SavepointsOptions,
  progress: PresentProgress,
  place: RewindPlace,
): Promise<Position> {
  const { job } = options
  const { moves } = await planRewind(options, progress, {})
  if (place.kind !== 'start' && moves.length === 0)
    throw refused(job, 'Its inputs are not known before it has run. Start it')
  if (place.kind === 'position') await checkPosition(options, moves, place.position)
  const target = dictionary<Record<string, number>>()
  for (const { topic, partition, from } of moves) {
    const found = await offsetOf(options, place, topic, partition)
    if (found === undefined) continue
    // Where there are only offsets without records, as at the end, nothing is skipped.
    const to = found > from && !(await hasRecords(options, { topic, partition, from, to: found })) ? from : found
    target[topic] = { ...target[topic], [partition]: to }
  }
  return target
}

/** The offset that a place stands for in a partition; undefined if it does not list the partition. */
async function offsetOf(
  { log: { admin } }: SavepointsOptions,
  place: RewindPlace,
  topic: string,
  partition: number,
): Promise<number | undefined> {
  switch (place.kind) {
    case 'start':
      return (await admin.offsets(topic, partition)).start
    case 'time':
      return admin.offsetAt(topic, partition, place.atMs)
    default:
      return offsetIn(place.position, topic, partition)
  }
}

/** Throws `REWIND_REFUSED` if records would be skipped that may not be. */
export function checkSkips(job: string, { moves }: RewindPlan, skip: boolean): void {
  if (skip) return
  for (const { topic, partition, from, to } of moves) {
    if (to <= from) continue
    throw refused(
      job,
      `It has processed ${topic}/${partition} up to offset ${from}, so it would never process the records from there to ${to}. If that is ` +
        'wanted, use --skip',
    )
  }
}

/** The topics that a job reads, without its own. */
function inputsOf(job: string, { catalog, checkpoints }: PresentProgress): readonly string[] {
  const own = [changelogTopic(job), ...Object.keys(catalog.repartitions)]
  const read = [
    ...[...checkpoints.values()].flatMap((checkpoint) => [...checkpoint.keys()]),
    ...Object.values(catalog.stores).flatMap(({ topics, removedAt }) => (removedAt === null ? topics : [])),
    ...Object.keys(beginningsIn(catalog)),
  ]
  return [...new Set(read)].filter((topic) => !own.includes(topic) && !isGlobalKey(topic)).sort()
}

async function checkPosition(
  { job, log: { admin } }: SavepointsOptions,
  moves: readonly Gap[],
  position: Position,
): Promise<void> {
  for (const [topic, partitions] of Object.entries(position)) {
    for (const [partition, offset] of Object.entries(partitions)) {
      if (!moves.some((move) => move.topic === topic && `${move.partition}` === partition)) {
        const inputs = moves.map((move) => `${move.topic}/${move.partition}`).join(', ')
        throw refused(job, `It has no input ${topic}/${partition}. Its inputs: ${inputs}`)
      }
      const { start, end } = await admin.offsets(topic, Number(partition))
      if (offset >= start && offset <= end) continue
      throw refused(job, `${topic}/${partition} has the offsets from ${start} to ${end}, and not ${offset}`)
    }
  }
}

/** Whether there are committed records in a range of offsets. */
async function hasRecords({ log }: SavepointsOptions, { topic, partition, from, to }: Gap): Promise<boolean> {
  const { start } = await log.admin.offsets(topic, partition)
  const reader = log.openReader()
  try {
    const batches = await reader.assign(topic, partition, Math.max(start, from))
    while (batches.position < to) {
      const before = batches.position
      const batch = batches.poll()
      if (batch === undefined && batches.position === before) return false
      while (batch?.next() === true) if (batch.offset >= from) return batch.offset < to
    }
    return false
  } finally {
    await reader.close()
  }
}

/** The error for a rewind that is not possible. */
export function refused(job: string, reason: string): RefusedError {
  return new RefusedError('REWIND_REFUSED', `Job ${job} cannot be rewound to there. ${reason}`, { job })
}
