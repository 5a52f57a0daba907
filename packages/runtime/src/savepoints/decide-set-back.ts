import { type Gap, RefusedError } from '@millrace/core'
import { catalogTopic, changelogTopic, dictionary, ownValue } from '@millrace/core/internal'
import { type Beginnings, type Catalog, skippedIn } from '../catalog/catalog.ts'
import type { Fence } from '../task/output-fence.ts'
import { fenceBefore, fenceFrom, hasPassed } from './make-fence.ts'
import { type PresentProgress, presentProgress } from './present-progress.ts'
import { type UnfinishedRestore, writeRestore } from './restore-file.ts'
import { resultInputs, unorderedSender } from './result-inputs.ts'
import { planRewind, type RewindPlan } from './rewind-plan.ts'
import { savedCatalog } from './saved-catalog.ts'
import type { SavepointsOptions } from './savepoints.ts'

/** Where a job is to be set back to, without the state that it has. */
export type SetBackRequest = Pick<UnfinishedRestore, 'savepoint' | 'repeatOutputs' | 'target'>

/** Decides a restore, durably. Throws `TOPIC_MISSING` and `REWIND_REFUSED` if it is not known which outputs the job has appended. */
export async function decide(
  options: SavepointsOptions,
  id: string,
  { savepoint, repeatOutputs, target }: SetBackRequest,
): Promise<UnfinishedRestore> {
  const { job, log } = options
  const progress = repeatOutputs ? await progressIfThere(options) : await knownProgress(options)
  const moves = progress && (await planRewind(options, progress, target ?? {}))
  const plan = target === undefined ? undefined : moves
  const saved = savepoint === null ? null : await savedCatalog(options, savepoint)
  const { name: _, id: __, ...changelog } = (await log.admin.describeTopic(changelogTopic(job))) ?? {}
  const restore: UnfinishedRestore = {
    id,
    savepoint,
    changelog,
    repeatOutputs,
    fences: fencesAfter(progress, { repeatOutputs, plan }),
    ...(target !== undefined && { target }),
    ...(moves !== undefined && { beginnings: beginningsOf(moves, target !== undefined) }),
    skipped: skippedAfter(job, progress, { saved, repeatOutputs, plan }),
  }
  await writeRestore(options, restore)
  return restore
}

/** How far the job has come now, and each earlier time that it was set back and has not come so far again. */
function fencesOf({ catalog, checkpoints }: PresentProgress): readonly Fence[] {
  const now = fenceFrom(checkpoints)
  return [...(catalog.restored?.fences ?? []).filter((fence) => !hasPassed(now, fence)), now]
}

/**
 * The fences of a job that is set back; one that appends its outputs again keeps what it knows of the records before the place. Throws
 * `REWIND_REFUSED` if it is unknown what the job has appended.
 */
export function fencesAfter(
  progress: PresentProgress | undefined,
  { repeatOutputs, plan }: { readonly repeatOutputs: boolean; readonly plan: RewindPlan | undefined },
): readonly Fence[] {
  const fences = progress === undefined ? [] : fencesOf(progress)
  if (!repeatOutputs) {
    for (const step of fences.map(unorderedSender)) if (step !== undefined) throw unorderedBefore(step)
    return fences
  }
  return plan === undefined ? [] : fences.map((fence) => fenceBefore(fence, plan.moves, resultInputs(fences)))
}

/**
 * The records for which nothing was appended, though a fence counts them as processed. Throws `REWIND_REFUSED` if a fence would keep
 * back their outputs.
 */
export function skippedAfter(
  job: string,
  progress: PresentProgress | undefined,
  {
    saved = null,
    repeatOutputs,
    plan,
  }: { readonly saved?: Catalog | null; readonly repeatOutputs: boolean; readonly plan: RewindPlan | undefined },
): readonly Gap[] {
  // What was before the start of the inputs at the savepoint is not read this time either.
  const isBeforeStart = (gap: Gap) =>
    ownValue(saved?.starts ?? {}, gap.topic)?.skipped.some((each) => sameGap(each, gap)) === true
  const before = (progress === undefined ? [] : skippedIn(progress.catalog)).filter((gap) => !isBeforeStart(gap))
  const placeOf = ({ topic, partition }: Gap) =>
    plan === undefined ? 0 : plan.moves.find((move) => move.topic === topic && move.partition === partition)?.to
  const kept = before.filter((gap) => {
    const to = placeOf(gap) ?? Number.POSITIVE_INFINITY
    if (to >= gap.to) return true
    if (!repeatOutputs) throw skippedBefore(job, gap)
    return saved !== null || to > gap.from
  })
  return [...kept, ...(plan?.moves ?? []).filter(({ from, to }) => to > from)]
}

/** The beginnings of a job without state. At the start of its inputs they have no offsets: they list the inputs. */
function beginningsOf({ moves, ids }: RewindPlan, hasPlace: boolean): Beginnings {
  const beginnings = dictionary<Beginnings[string]>()
  for (const { topic, partition, to } of moves) {
    const { offsets = {} } = beginnings[topic] ?? {}
    beginnings[topic] = { topicId: ids.get(topic) ?? '', offsets: hasPlace ? { ...offsets, [partition]: to } : {} }
  }
  return beginnings
}

function sameGap(a: Gap, b: Gap): boolean {
  return a.partition === b.partition && a.from === b.from && a.to === b.to
}

async function progressIfThere(options: SavepointsOptions): Promise<PresentProgress | undefined> {
  return (await missingTopic(options)) === undefined ? presentProgress(options) : undefined
}

async function knownProgress(options: SavepointsOptions): Promise<PresentProgress> {
  const { job } = options
  const topic = await missingTopic(options)
  if (topic === undefined) return presentProgress(options)
  throw new RefusedError(
    'TOPIC_MISSING',
    `Job ${job} has no changelog or no catalog, so it is unknown which outputs it has appended since the savepoint. Restore the ` +
      'savepoint with --repeat-outputs: the job then appends them again',
    { job, topic },
  )
}

async function missingTopic({ job, log: { admin } }: SavepointsOptions): Promise<string | undefined> {
  for (const topic of [changelogTopic(job), catalogTopic(job)]) {
    if ((await admin.describeTopic(topic)) === undefined) return topic
  }
  return undefined
}

function unorderedBefore(step: string): RefusedError {
  return new RefusedError(
    'REWIND_REFUSED',
    `Step ${step} of the job has sent results through a repartition topic in any order, so it is unknown which outputs behind the topic are ` +
      'there. Use --repeat-outputs, which appends everything again',
    { step },
  )
}

function skippedBefore(job: string, { topic, partition, from, to }: Gap): RefusedError {
  return new RefusedError(
    'REWIND_REFUSED',
    `Job ${job} was made to skip ${topic}/${partition} from offset ${from} to ${to}. Its outputs lack these records, and it would not ` +
      'append them now, since it is past them. Use --repeat-outputs, which appends everything again, or go back to a later place',
    { job, topic, partition, offset: from },
  )
}
