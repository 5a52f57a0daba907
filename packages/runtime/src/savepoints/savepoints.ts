import { type Env, type Log, RefusedError, type Savepoint, type TopicCopies } from '@millrace/core'
import { catalogTopic, changelogTopic, checkName } from '@millrace/core/internal'
import { copyState, type LevelEngine, readSavedState, type SavedState } from '@millrace/state'
import { readCatalog } from '../catalog/catalog-topic.ts'
import { findTraces } from '../reset-job.ts'
import { readRestore } from './restore-file.ts'
import { readPositions } from './saved-positions.ts'
import {
  makeWhole,
  ownBytesIn,
  removeWhole,
  savepointDirectory,
  savepointsDirectory,
  statesIn,
  topicsIn,
} from './savepoint-directory.ts'
import { readManifest, writeManifest } from './savepoint-manifest.ts'

/** Which job has the savepoints, and where it runs. */
export interface SavepointsOptions {
  /** The job's name, for version 1; the name of another version, such as `flight-delays.version-2`. */
  readonly job: string
  readonly log: Log
  readonly env: Env
  /** The data directory: savepoints are in its folder `savepoints`. They share files with the log only on one file system. */
  readonly data: string
  /** Where the job's tasks keep their local state: the same as the container's option of that name. */
  readonly stateDirectory: string
  /** The store that holds local state: the same as the container's option of that name. Default: LevelDB. */
  readonly engine?: LevelEngine
}

/**
 * Takes a savepoint of a job, running or not: the job's own topics as they are at one moment between commits, and its local state.
 * It is there whole or not at all, also after a crash. One caller at a time may change the savepoints of a job. Throws
 * `SAVEPOINT_EXISTS`, `TOPIC_MISSING` if the job has never run, and `UNSUPPORTED` for a log that cannot copy topics.
 */
export async function takeSavepoint(options: SavepointsOptions, wanted?: string): Promise<Savepoint> {
  const { job, log, env, data, stateDirectory } = options
  const copies = copiesOf(options)
  const name = wanted ?? freeName(options)
  checkName('savepoint', name)
  if (hasSavepoint(options, name)) throw savepointExists(job, name)
  const { topics } = await findTraces({ job, log, env, stateDirectory })
  await makeWhole(env, savepointsDirectory(data, job), name, async (making) => {
    const createdMs = env.clock.now()
    // The state comes first: it must not have what the topics do not have.
    await copies.copy(topics, topicsIn(making), () => copyStates(options, statesIn(making)))
    const position = await positionOf(options, copies, topics, making)
    await writeManifest(env.files, making, { job, createdMs, position, topics })
  })
  return describeSavepoint(options, name)
}

/** The savepoints of a job, the oldest first. Throws `SAVEPOINT_DAMAGED`. */
export function listSavepoints(options: SavepointsOptions): readonly Savepoint[] {
  return namesOf(options)
    .map((name) => describeSavepoint(options, name))
    .sort((one, other) => one.createdMs - other.createdMs)
}

/** Deletes a savepoint, and frees what only it holds. Throws `SAVEPOINT_MISSING`. */
export async function deleteSavepoint(options: SavepointsOptions, name: string): Promise<void> {
  const { env, data, job } = options
  requireSavepoint(options, name)
  if (readRestore(options)?.savepoint === name) {
    throw new RefusedError(
      'JOB_BUSY',
      `Savepoint ${name} of job ${job} cannot be deleted, because its restore is not finished. Start the job, which finishes it`,
      { job },
    )
  }
  await removeWhole(env, savepointsDirectory(data, job), name)
}

/** Whether a job has a savepoint of this name. */
export function hasSavepoint({ env, data, job }: SavepointsOptions, name: string): boolean {
  return env.files.stat(savepointDirectory(data, job, name)) !== undefined
}

/** Throws `SAVEPOINT_MISSING`, and `BAD_NAME` for what cannot be the name of a savepoint. */
export function requireSavepoint(options: SavepointsOptions, name: string): void {
  const { job } = options
  checkName('savepoint', name)
  if (hasSavepoint(options, name)) return
  throw new RefusedError(
    'SAVEPOINT_MISSING',
    `Job ${job} has no savepoint ${name}. Its savepoints: ${namesOf(options).join(', ') || 'none'}`,
    { job },
  )
}

function namesOf({ env: { files }, data, job }: SavepointsOptions): readonly string[] {
  const directory = savepointsDirectory(data, job)
  if (files.stat(directory) === undefined) return []
  return files.list(directory).filter((name) => !name.startsWith('.'))
}

/** A savepoint that exists. Throws `SAVEPOINT_DAMAGED`. */
export function describeSavepoint({ env, data, job }: SavepointsOptions, name: string): Savepoint {
  const directory = savepointDirectory(data, job, name)
  const { createdMs, position } = readManifest(env.files, directory)
  return { job, name, createdMs, position, ownBytes: ownBytesIn(env, directory) }
}

/** `savepoint-1`, `savepoint-2` and so on: one more than those that are there. */
function freeName(options: SavepointsOptions): string {
  const numbers = namesOf(options).map((name) => Number(/^savepoint-(\d{1,9})$/.exec(name)?.[1] ?? 0))
  return `savepoint-${1 + Math.max(0, ...numbers)}`
}

/** Copies the local states of all tasks. One that cannot be copied is left out: it is a cache of the changelog. */
async function copyStates({ env, job, stateDirectory, engine }: SavepointsOptions, to: string): Promise<void> {
  const { files } = env
  const from = `${stateDirectory}/${job}`
  files.makeDirectory(to)
  if (files.stat(from) === undefined) return
  for (const task of files.list(from)) await copyState(env, `${from}/${task}`, `${to}/${task}`, engine)
}

/** The position of the savepoint in the topics that are not the job's own. */
async function positionOf(
  { env, job, engine }: SavepointsOptions,
  copies: TopicCopies,
  own: readonly string[],
  savepoint: string,
): Promise<Savepoint['position']> {
  const states = new Map<number, SavedState[]>()
  const directory = statesIn(savepoint)
  for (const task of env.files.list(directory)) {
    const partition = Number(/-(\d+)(\.\d+)?$/.exec(task)?.[1])
    const saved = await readSavedState(env, `${directory}/${task}`, engine)
    if (saved !== undefined) states.set(partition, [...(states.get(partition) ?? []), saved])
  }
  const log = await copies.open(topicsIn(savepoint))
  try {
    const catalog = await readCatalog({ log, env }, catalogTopic(job))
    if (catalog === undefined) throw neverRan(job)
    const position = await readPositions({ log, env, changelog: changelogTopic(job), catalog, states })
    return Object.fromEntries(Object.entries(position).filter(([topic]) => !own.includes(topic)))
  } finally {
    await log.close()
  }
}

/** Throws `UNSUPPORTED`. */
export function copiesOf({ job, log }: SavepointsOptions): TopicCopies {
  if (log.copies !== undefined) return log.copies
  throw new RefusedError(
    'UNSUPPORTED',
    `Job ${job} cannot have savepoints: the ${log.kind} log at ${log.location} cannot copy topics. Run it on a file log`,
    { job },
  )
}

/** Its topics were made, and then its start was refused. */
function neverRan(job: string): RefusedError {
  return new RefusedError('TOPIC_MISSING', `Job ${job} has never run, so there is nothing to keep. Start it first`, {
    job,
  })
}

function savepointExists(job: string, name: string): RefusedError {
  return new RefusedError(
    'SAVEPOINT_EXISTS',
    `Job ${job} already has a savepoint ${name}. Choose another name, or delete it with "millrace savepoints ${job} --delete ${name}"`,
    { job },
  )
}
