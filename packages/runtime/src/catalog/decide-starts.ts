import { type Log, type Position, RefusedError, type TopicDescription } from '@millrace/core'
import { dictionary, ownValue, type StartPlan, sourceStarts, startText, type Topology } from '@millrace/core/internal'
import type { Catalog, CatalogStart } from './catalog.ts'

/** What is known of the topics that a job reads, and of how far it has come. */
export interface StartsOptions {
  readonly topology: Topology
  readonly log: Log
  readonly descriptions: ReadonlyMap<string, TopicDescription>
  /** How far the job has processed every topic that it ever read. */
  readonly processed: Position
}

/**
 * Where the job begins to read each of its topics that is not simply read from its start; what was decided before stays. A topic that the job
 * has read already is not begun again. Throws `START_OUT_OF_RANGE`.
 */
export async function decideStarts(
  before: Catalog | undefined,
  options: StartsOptions,
): Promise<Readonly<Record<string, CatalogStart>>> {
  const { topology, descriptions, processed } = options
  const starts = dictionary<CatalogStart>()
  for (const [topic, start] of Object.entries(before?.starts ?? {})) starts[topic] = start
  for (const [topic, plan] of sourceStarts(topology)) {
    const description = descriptions.get(topic)
    const known = ownValue(starts, topic)
    const start = startText(plan)
    if (known !== undefined) starts[topic] = { ...known, start }
    else if (plan !== undefined && description !== undefined && !isSetBack(before, topic)) {
      const place = isRead(before, processed, topic) ? AT_START : await placeOf(options, description, plan)
      starts[topic] = { start, topicId: description.id, ...place }
    }
  }
  return starts
}

/** Whether everything is decided that a job needs to know of where it begins to read its topics. */
export function startsAreDecided(catalog: Catalog, topology: Topology): boolean {
  return [...sourceStarts(topology)].every(([topic, plan]) => {
    const known = ownValue(catalog.starts ?? {}, topic)
    return known === undefined ? plan === undefined || isSetBack(catalog, topic) : known.start === startText(plan)
  })
}

/** The offset at which a plan begins to read a partition. */
export async function offsetOf(
  log: Log,
  topic: string,
  partition: number,
  plan: StartPlan | undefined,
): Promise<{ readonly offset: number; readonly start: number; readonly end: number }> {
  const { start, end } = await log.admin.offsets(topic, partition)
  if (plan === undefined) return { offset: start, start, end }
  if (plan.kind === 'latest') return { offset: end, start, end }
  if (plan.kind === 'offsets') return { offset: ownValue(plan.offsets, partition) ?? start, start, end }
  return { offset: Math.min(end, await log.admin.offsetAt(topic, partition, plan.atMs)), start, end }
}

type Place = Pick<CatalogStart, 'offsets' | 'skipped'>

const AT_START: Place = { offsets: {}, skipped: [] }

/** Whether the job was made to begin somewhere else, by a rewind or a restore. */
function isSetBack(before: Catalog | undefined, topic: string): boolean {
  return ownValue(before?.restored?.beginnings ?? {}, topic) !== undefined
}

/** Whether a job has read a topic, from its start; or has a store that counts it from there. */
function isRead(before: Catalog | undefined, processed: Position, topic: string): boolean {
  const stores = Object.values(before?.stores ?? {})
  return ownValue(processed, topic) !== undefined || stores.some(({ topics }) => topics.includes(topic))
}

async function placeOf(
  { topology: { job }, log }: StartsOptions,
  { name: topic, partitions }: TopicDescription,
  plan: StartPlan,
): Promise<Place> {
  if (plan.kind === 'offsets') requirePartitions(job, topic, partitions, plan.offsets)
  const offsets = dictionary<number>()
  const skipped: Place['skipped'][number][] = []
  for (let partition = 0; partition < partitions; partition++) {
    const { offset, start, end } = await offsetOf(log, topic, partition, plan)
    if (offset < start || offset > end)
      throw outOfRange(job, topic, partition, `${offset}`, `the offsets from ${start} to ${end}`)
    offsets[partition] = offset
    if (offset > start) skipped.push({ topic, partition, from: start, to: offset })
  }
  return { offsets, skipped }
}

function requirePartitions(job: string, topic: string, partitions: number, offsets: Readonly<Record<string, number>>) {
  const other = Object.keys(offsets).find((partition) => Number(partition) >= partitions)
  if (other === undefined) return
  throw outOfRange(job, topic, Number(other), `${ownValue(offsets, other)}`, `only partitions 0 to ${partitions - 1}`)
}

function outOfRange(job: string, topic: string, partition: number, offset: string, has: string): RefusedError {
  return new RefusedError(
    'START_OUT_OF_RANGE',
    `Job ${job} cannot begin to read ${topic}/${partition} at offset ${offset}: there are ${has}. Correct the start of the topic in the job`,
    { job, topic, partition },
  )
}
