import { type Gap, json, NO_HEADERS, type Position } from '@millrace/core'
import {
  type Checkpoint,
  catalogTopic,
  changelogTopic,
  dictionary,
  type InputCheckpoint,
  offsetIn,
} from '@millrace/core/internal'
import { checkpointKey } from '@millrace/state'
import { type Beginnings, beginningsIn, type Catalog } from '../catalog/catalog.ts'
import { appendCatalog } from '../catalog/catalog-topic.ts'
import { inputIdOf } from '../task/record-identity.ts'
import { isRepartition } from '../task/repartition-input.ts'
import { fencesAfter, skippedAfter } from './decide-set-back.ts'
import type { PresentProgress } from './present-progress.ts'
import type { RewindPlan } from './rewind-plan.ts'
import type { SavepointsOptions } from './savepoints.ts'

const serde = json<unknown>()

/** Moves the positions of a job that is stopped, and nothing else: in one transaction. */
export async function moveCheckpoints(
  { job, log, env }: SavepointsOptions,
  progress: PresentProgress,
  plan: RewindPlan,
  repeatOutputs: boolean,
): Promise<void> {
  const { catalog, checkpoints } = progress
  const writer = await log.openTransactionalWriter(`${job}.restore`)
  try {
    const groups = []
    for (const [partition, checkpoint] of checkpoints) {
      if (checkpoint.size === 0) continue
      const group = await writer.openGroup(changelogTopic(job), partition)
      for (const [topic, moved] of movedCheckpoint(checkpoint, partition, plan.moves)) {
        const key = checkpointKey(topic)
        group.append(env.clock.now(), key, 0, key.length, moved, serde, NO_HEADERS)
      }
      groups.push(group)
    }
    const group = await writer.openGroup(catalogTopic(job), 0)
    const restored = {
      id: env.random.uuid(),
      fences: fencesAfter(progress, { repeatOutputs, plan }),
      beginnings: movedBeginnings(progress, plan),
      skipped: skippedAfter(job, progress, { repeatOutputs, plan }),
    }
    // Where the job began is part of where it was moved to.
    const { starts: _, ...others } = catalog
    appendCatalog(group, { ...others, stores: movedStores(catalog, plan.moves), restored }, env.clock.now())
    await writer.commit([...groups, group])
  } finally {
    await writer.close()
  }
}

function movedCheckpoint(checkpoint: Checkpoint, partition: number, moves: readonly Gap[]): Checkpoint {
  const moved = new Map<string, InputCheckpoint>()
  for (const [topic, present] of checkpoint) {
    const move = moves.find((each) => each.topic === topic && each.partition === partition)
    moved.set(topic, move === undefined ? withoutRepeats(present, moves) : movedTo(present, move))
  }
  return moved
}

function movedTo({ batch, ...present }: InputCheckpoint, { from, to }: Gap): InputCheckpoint {
  if (from === to) return { ...present, ...(batch !== undefined && { batch }) }
  // The state has had the effect of every tombstone before the present offset.
  const compactedBefore = Math.max(present.compactedBefore ?? 0, from)
  return { ...present, offset: to, ...(compactedBefore > to && { compactedBefore }) }
}

/** The checkpoint of a repartition topic, for which records that are sent again are not repeats. */
function withoutRepeats(present: InputCheckpoint, moves: readonly Gap[]): InputCheckpoint {
  const { progress } = present
  if (!isRepartition(progress)) return present
  const seen = progress.seen.filter(
    ({ partition, input }) =>
      !moves.some((move) => move.to < move.from && move.partition === partition && inputIdOf(move.topic) === input),
  )
  return { ...present, progress: { ...progress, seen } }
}

/** A partition without a checkpoint has another beginning instead. */
function movedBeginnings({ catalog, checkpoints }: PresentProgress, { moves, ids }: RewindPlan): Beginnings {
  const beginnings: Record<string, Beginnings[string]> = dictionary()
  for (const [topic, { topicId, offsets }] of Object.entries(beginningsIn(catalog)))
    beginnings[topic] = { topicId, offsets }
  for (const { topic, partition, from, to } of moves) {
    if (from === to || checkpoints.get(partition)?.has(topic) === true) continue
    const topicId = ids.get(topic) ?? ''
    const before = beginnings[topic]
    const offsets = before?.topicId === topicId ? before.offsets : {}
    beginnings[topic] = { topicId, offsets: { ...offsets, [partition]: to } }
  }
  return beginnings
}

/**
 * From where on the stores count every record: behind what the job skips, and from where it goes back to, if that is earlier than
 * before.
 */
function movedStores({ stores }: Catalog, moves: readonly Gap[]): Catalog['stores'] {
  return Object.fromEntries(
    Object.entries(stores).map(([name, store]) => {
      const completeFrom = dictionary<Record<string, number>>()
      const moved = moves.filter(({ topic, from, to }) => from !== to && store.topics.includes(topic))
      const places = moved.map(({ topic, partition, from, to }) => {
        const before = offsetIn(store.completeFrom, topic, partition) ?? 0
        return { [topic]: { [partition]: to > from ? Math.max(before, to) : Math.min(before, to) } }
      })
      for (const [topic, offsets] of Object.entries(replacedIn(store.completeFrom, places))) {
        // The start is not listed.
        const listed = Object.entries(offsets).filter(([, offset]) => offset > 0)
        if (listed.length > 0) completeFrom[topic] = Object.fromEntries(listed)
      }
      return [name, { ...store, completeFrom }]
    }),
  )
}

function replacedIn(position: Position, places: readonly Position[]): Position {
  const all = dictionary<Record<string, number>>()
  for (const place of [position, ...places]) {
    for (const [topic, offsets] of Object.entries(place)) all[topic] = { ...all[topic], ...offsets }
  }
  return all
}
