import { type Env, type Log, RefusedError, type RestoreProgress, type Serde } from '@millrace/core'
import {
  changelogTopic,
  maximumPosition,
  ownValue,
  type StoreDescription,
  type StoreMeaning,
  type StoreShape,
  type TaskState,
} from '@millrace/core/internal'
import { openStateCopy, openTaskState } from '@millrace/state'
import { EMPTY } from 'rxjs'
import type { Catalog, CatalogStore } from '../catalog/catalog.ts'
import { anySerde } from '../operators/any-serde.ts'
import { ChangelogFollower } from '../task/changelog-follower.ts'
import type { ServedView, ViewPart } from '../views/served-view.ts'
import { namedSerde } from './named-serdes.ts'
import { savedPosition } from './saved-position.ts'
import type { KnownJob } from './stopped-jobs.ts'

/** Copies left behind by a killed process are removed after this time. */
const COPY_KEPT_MS = 24 * 3_600_000
const COPIES = '.query-'
/** The steps whose stores keep event times beside their values, for catalogs that do not state it. */
const TIMED_STEPS = new Set(['count', 'reduce', 'aggregate', 'cogroup'])

/** Which view to open, and where its job has run. */
export interface StoppedViewOptions {
  readonly job: KnownJob
  readonly view: string
  readonly log: Log
  readonly env: Env
  /** Where the job's tasks keep their local state: the same as the container's option of that name. */
  readonly stateDirectory: string
  /** Called with how far the restores are, if no local state can be used. */
  readonly onRestore?: (progress: RestoreProgress) => void
}

/** What a job had committed when it stopped. */
export interface StoppedView {
  readonly view: ServedView
  /** When the last commit was made, ms since the epoch; null if there was none. */
  readonly committedAtMs: number | null
  /** Closes the copy of the state, and removes it. */
  close(): Promise<void>
}

/**
 * Opens a view of a job that does not run: everything that is committed, and nothing else. It reads a copy of the local
 * state, brought to the end of the changelog, so that the job may start at any moment. Throws `VIEW_MISSING`, and
 * `JOB_NOT_RUNNING` if only the job's own code can read the store.
 */
export async function openStoppedView(options: StoppedViewOptions): Promise<StoppedView> {
  const { job, view: name, log, env, stateDirectory } = options
  const store = ownValue(job.catalog.stores, name)
  if (store === undefined || !job.stores.includes(name)) throw viewMissing(job, name)
  const description = describe(job, name, store)
  const topics = directTopics(job.catalog, store)
  // Inputs may have been deleted since. A changelog has at least as many partitions as tasks; the extra ones hold nothing of
  // the view.
  const partitions = await partitionsOf(log, [...topics, changelogTopic(job.job)])
  removeOldCopies(env, stateDirectory)
  const directory = `${stateDirectory}/${COPIES}${env.random.uuid()}`
  const states: TaskState[] = []
  const close = async () => {
    for (const state of states) await state.close()
    env.files.removeTree(directory)
  }
  try {
    const parts: ViewPart[] = []
    let committedAtMs: number | null = null
    for (let partition = 0; partition < partitions; partition++) {
      const state = await openState(options, description, topics, partition, `${directory}/${partition}`)
      states.push(state)
      parts.push(partOf(state, name, partition))
      const atMs = await lastCommit(log, changelogTopic(job.job), partition, state.position.nextOffset)
      if (atMs !== undefined) committedAtMs = Math.max(atMs, committedAtMs ?? 0)
    }
    const { shape } = description
    const [key, value] = [anySerde(description.key), anySerde(description.value)]
    const view: ServedView = {
      name,
      key,
      value,
      shape,
      partitions,
      completeFrom: store.completeFrom,
      sources: maximumPosition(parts.map(({ position }) => position)),
      parts,
      remoteOwners: [],
    }
    return { view, committedAtMs, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The state of one partition, at the end of what is committed in its changelog. */
async function openState(
  { job: { job }, log, env, stateDirectory, onRestore = () => undefined }: StoppedViewOptions,
  store: StoreDescription,
  inputs: readonly string[],
  partition: number,
  directory: string,
): Promise<TaskState> {
  const changelog = { job, changelog: changelogTopic(job) }
  const task = `${store.name}-${partition}`
  const catchUp = (state: TaskState) =>
    new ChangelogFollower(log, state, changelog, partition).catchUp({
      to: 'committed',
      progress: (done, total) => onRestore({ task, done, total }),
    })
  for (const [number, from] of localStates(env, `${stateDirectory}/${job}`, partition).entries()) {
    const state = await openStateCopy({ from, directory: `${directory}.${number}`, job, store, env })
    if (state === undefined) continue
    const { rebuilt } = await catchUp(state)
    if (rebuilt === undefined) return state
    // The local state does not match the changelog; the code below uses the changelog alone.
    await state.close()
  }
  const { state } = await openTaskState({ directory, job, task, stores: [store], inputs, env })
  try {
    await catchUp(state)
  } catch (error) {
    await state.close()
    throw error
  }
  return state
}

/** The directories in which tasks of a partition may have their state. */
function localStates(env: Env, directory: string, partition: number): string[] {
  if (env.files.stat(directory) === undefined) return []
  const ending = new RegExp(`-${partition}(\\.\\d+)?$`)
  return env.files.list(directory).flatMap((name) => (ending.test(name) ? [`${directory}/${name}`] : []))
}

function removeOldCopies(env: Env, stateDirectory: string): void {
  env.files.makeDirectory(stateDirectory)
  for (const name of env.files.list(stateDirectory)) {
    const path = `${stateDirectory}/${name}`
    const modifiedMs = env.files.stat(path)?.modifiedMs ?? 0
    if (name.startsWith(COPIES) && modifiedMs < env.clock.now() - COPY_KEPT_MS) env.files.removeTree(path)
  }
}

function partOf(state: TaskState, store: string, partition: number): ViewPart {
  return {
    partition,
    store: state.committed(store),
    position: savedPosition(state.checkpoint, partition),
    changes: EMPTY,
    positions: EMPTY,
  }
}

/** When the group before an offset of the changelog was committed; undefined if there is none. */
async function lastCommit(log: Log, topic: string, partition: number, end: number): Promise<number | undefined> {
  if (end === 0) return undefined
  const reader = log.openReader()
  try {
    const batch = (await reader.assign(topic, partition, end - 1)).poll()
    return batch?.next() === true ? batch.timestamp : undefined
  } finally {
    await reader.close()
  }
}

/**
 * The topics that a task reads for a store. If the store is computed from another store of the task, these are that store's
 * topics.
 */
function directTopics(catalog: Catalog, { meaning }: CatalogStore): string[] {
  const topics = new Set<string>()
  for (const input of meaning.inputs) {
    const [, kind = '', name = ''] = /(topic|store) (\S+)$/.exec(input) ?? []
    const store = kind === 'store' ? ownValue(catalog.stores, name) : undefined
    if (kind === 'topic') topics.add(name)
    else if (store !== undefined) for (const topic of directTopics(catalog, store)) topics.add(topic)
  }
  return [...topics]
}

/** The number of partitions of the first topic that exists. */
async function partitionsOf(log: Log, topics: readonly string[]): Promise<number> {
  for (const topic of topics) {
    const partitions = (await log.admin.describeTopic(topic))?.partitions
    if (partitions !== undefined) return partitions
  }
  return 0
}

function describe({ job }: KnownJob, name: string, { meaning, incarnation }: CatalogStore): StoreDescription {
  const [key, value] = [namedSerde(meaning.key), namedSerde(meaning.value)]
  const order = meaning.order === null ? undefined : namedSerde(meaning.order)
  if (key === undefined || value === undefined || (meaning.order !== null && order === undefined)) {
    const own = key === undefined ? meaning.key : value === undefined ? meaning.value : meaning.order
    throw new RefusedError(
      'JOB_NOT_RUNNING',
      `View ${name} of job ${job} cannot be read while the job does not run: its serde ${JSON.stringify(own)} is part of the ` +
        "job's code. Start the job (millrace run <job.ts>) to query it",
      { job, store: name },
    )
  }
  return {
    name,
    key: key as Serde<never>,
    value: value as Serde<never>,
    shape: shapeOf(meaning, order),
    timed: meaning.timed ?? TIMED_STEPS.has(meaning.step),
    incarnation,
  }
}

function shapeOf({ shape: kind, windowMs }: StoreMeaning, order: Serde<unknown> | undefined): StoreShape {
  if (kind === 'sorted') return { kind, order: order as Serde<never> }
  return kind === 'window' ? { kind, sizeMs: windowMs ?? 0 } : { kind }
}

function viewMissing({ job, stores }: KnownJob, name: string): RefusedError {
  return new RefusedError(
    'VIEW_MISSING',
    `Job ${job} has no view ${JSON.stringify(name)}. Its views: ${stores.length === 0 ? 'none' : stores.join(', ')}`,
    { job },
  )
}
