import { type Env, MillraceError, RefusedError, type TopicDescription } from '@millrace/core'
import { checkOwner, checkVersion, readText, VERSION_FILE } from '../data-directory.ts'
import { diskFailed, systemCode } from '../errors.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { listSegments } from '../partition/segments.ts'
import type { Tail } from '../partition/tail.ts'
import { indexPath, partitionDirectory, segmentPath } from '../paths.ts'
import { TopicStore } from '../topic-store.ts'
import { BackupGate } from '../transactions/backup-gate.ts'
import { writeRest } from './back-up.ts'
import { copyPartition } from './copy-partition.ts'
import {
  type CleanerLocks,
  CUT_TRIES,
  type Cut,
  differenceOf,
  eachPartition,
  type PartitionCut,
  readDecided,
  releaseCleaners,
} from './cut.ts'
import { type CloneFile, ForkTarget } from './fork-target.ts'

/** What is written to a fork, apart from the local state that its caller may have put there. */
const WRITTEN = ['topics', 'transactions', 'jobs', VERSION_FILE]

/** What to fork, and where to. */
export interface ForkLogOptions {
  readonly env: Env
  /** The data directory. Nothing in it changes, unless its writers never pause: then they are requested to wait for a moment. */
  readonly data: string
  /** A directory on the same disk, which may hold local state. After a failure, the caller removes what is there. */
  readonly target: string
  readonly clone: CloneFile
}

/** The result of a fork. */
export interface Forked {
  readonly topics: number
  /** Bytes of closed segments, which the fork and the data directory share. */
  readonly linkedBytes: number
}

/** A partition, and where it is. */
type Place = Omit<PartitionCut, 'tail'>

/** A state of a data directory, and what is needed to copy it. */
interface ForkCut extends Omit<Cut, 'partitions'> {
  readonly partitions: readonly PartitionCut[]
  /** The partitions that their next user recovers, with the tails that they have now: the fork gets them as they are. */
  readonly unsettled: readonly (Place & { readonly tail: Tail | undefined })[]
}

/**
 * Makes a data directory that holds what another one holds at one moment, while other processes may write there, without a copy
 * of most bytes: closed segments, which nothing ever changes, get a second name, and everything else is cloned. Unlike a backup, it
 * is not durable, has no manifest, and is not verified: its user finds damage as the user of the original would. Throws
 * `FILE_MISSING`, `DATA_VERSION`, `DATA_OWNER`, `LOG_FULL`, `LOG_PARTS_DIFFER`.
 */
export async function forkLog({ env, data, target, clone }: ForkLogOptions): Promise<Forked> {
  requireDataDirectory(env, data)
  for (let tries = 0; ; tries++) {
    const cleaners: CleanerLocks = new Map()
    try {
      const cut = await takeForkCut(env, data, cleaners)
      const written = new ForkTarget(env, target, clone)
      env.files.makeDirectory(target)
      for (const each of cut.partitions) await copyPartition(written, each)
      for (const each of cut.unsettled) copyUnsettled(written, each)
      await writeRest(written, data, cut)
      if (isUnchanged(env, data, cut, cleaners)) return { topics: cut.topics.length, linkedBytes: written.linkedBytes }
    } catch (error) {
      if (tries === CUT_TRIES || systemCode(error) !== 'ENOENT') throw diskFailed(target, error)
    } finally {
      releaseCleaners(cleaners)
    }
    if (tries === CUT_TRIES)
      throw new Error(`Files of ${data} come and go too fast for a fork. Stop that, and try again`)
    for (const name of WRITTEN) env.files.removeTree(`${target}/${name}`)
  }
}

/** Throws `FILE_MISSING`, `DATA_VERSION` and `DATA_OWNER` if there is no data directory that this process can fork. Changes nothing. */
export function requireDataDirectory({ files }: Env, data: string): void {
  const text = files.stat(data)?.directory === true ? readText(files, `${data}/${VERSION_FILE}`) : undefined
  if (text === undefined) {
    throw new RefusedError(
      'FILE_MISSING',
      `Directory ${data} cannot be forked, because it is not a data directory. Check the path`,
      { file: data },
    )
  }
  checkOwner(files, data)
  checkVersion(data, text)
}

/** As `takeCut`, and recovers nothing. `cleaners` gets the lock of every partition that was ever compacted. */
async function takeForkCut(env: Env, data: string, cleaners: CleanerLocks): Promise<ForkCut> {
  let different: Error | undefined
  for (let tries = 0; tries < CUT_TRIES; tries++) {
    await env.timers.turn()
    const topics = new TopicStore(env, data).list()
    await lockCleaners(env, data, topics, cleaners)
    // A request to wait is a new file in the directory. It is rarely needed: a commit takes less time than there is between two.
    const gate = tries < CUT_TRIES / 2 ? undefined : await BackupGate.close(env, data)
    try {
      const cut = lookAt(env, data, topics)
      if (cut === undefined) continue
      different = differenceOf(data, cut)
      if (different === undefined) return cut
    } catch (error) {
      if (!(error instanceof MillraceError && error.code === 'TOPIC_MISSING')) throw error
      different = error
    } finally {
      gate?.open()
    }
  }
  throw different ?? new Error(`Topics of ${data} change too fast for a fork. Stop that, and try again`)
}

async function lockCleaners(
  { files }: Env,
  data: string,
  topics: readonly TopicDescription[],
  cleaners: CleanerLocks,
): Promise<void> {
  for (const { directory } of eachPartition(data, topics)) {
    const path = cleanerPath(directory)
    if (cleaners.has(directory) || files.stat(path) === undefined) continue
    const cleaner = files.open(path, 'update')
    cleaners.set(directory, cleaner)
    await cleaner.lock()
  }
}

/** Undefined if something changed meanwhile. */
function lookAt(env: Env, data: string, topics: readonly TopicDescription[]): ForkCut | undefined {
  const { journals, records, state } = readDecided(env, data)
  const partitions: PartitionCut[] = []
  const unsettled: ForkCut['unsettled'][number][] = []
  for (const place of eachPartition(data, topics)) {
    const files = new PartitionFiles(env.files, data, place.topic.name, place.partition)
    try {
      const settled = files.settledTail()
      if (settled !== undefined) partitions.push({ ...place, tail: settled })
      else if (files.tryLock()) {
        // Its last appender is dead, or the machine has started again since.
        files.unlock()
        unsettled.push({ ...place, tail: files.readTail() })
      } else return undefined
    } finally {
      files.close()
    }
  }
  if (readDecided(env, data).state !== state || !hasTopics(env, data, topics)) return undefined
  return { topics, partitions, unsettled, journals, records }
}

function hasTopics(env: Env, data: string, topics: readonly TopicDescription[]): boolean {
  const ids = (all: readonly TopicDescription[]) => all.map(({ id }) => id).join()
  return ids(new TopicStore(env, data).list()) === ids(topics)
}

/** Copies all files of a partition that its next user recovers. What may be cut off then is not shared. */
function copyUnsettled(
  target: ForkTarget,
  { directory: from, topic, partition, tail }: ForkCut['unsettled'][number],
): void {
  const to = partitionDirectory(target.directory, topic.name, partition)
  const { files } = target.env
  const durableBefore = tail === undefined ? 0 : Math.min(tail.synced.base, tail.activeBase)
  files.makeDirectory(to)
  for (const base of listSegments(files, from)) {
    const [path, name] = [segmentPath(from, base), segmentPath(to, base)]
    if (base >= durableBefore || !target.link(path, name)) target.clone(path, name)
    if (files.stat(indexPath(from, base)) !== undefined) target.clone(indexPath(from, base), indexPath(to, base))
  }
  target.clone(`${from}/tail`, `${to}/tail`)
}

/**
 * Whether what was copied was not changed meanwhile by those who may change it: the next user of a partition that has to be
 * recovered, and the first compaction of a partition, which could not be kept away without a file in the directory.
 */
function isUnchanged(env: Env, data: string, { topics, unsettled }: ForkCut, cleaners: CleanerLocks): boolean {
  const isLocked = ({ directory }: Place) =>
    cleaners.has(directory) || env.files.stat(cleanerPath(directory)) === undefined
  const isSame = ({ topic, partition, tail }: ForkCut['unsettled'][number]) => {
    const files = new PartitionFiles(env.files, data, topic.name, partition)
    try {
      return JSON.stringify(files.readTail()) === JSON.stringify(tail)
    } finally {
      files.close()
    }
  }
  return hasTopics(env, data, topics) && eachPartition(data, topics).every(isLocked) && unsettled.every(isSame)
}

/** The lock of the process that compacts a partition; there is none before the first compaction. */
function cleanerPath(directory: string): string {
  return `${directory}/cleaner`
}
