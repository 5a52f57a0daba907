import type { Env } from '@millrace/core'
import { readText, VERSION_FILE, writeText } from '../data-directory.ts'
import { diskFailed } from '../errors.ts'
import { checkDataDirectory } from '../inspect/verify-log.ts'
import { GROUP_FILE } from '../membership/group-files.ts'
import { groupDirectory, topicDirectory, topicsDirectory, transactionsDirectory } from '../paths.ts'
import { TOPIC_FILE } from '../topic-store.ts'
import { CLOSED_FILE, formatClosed } from '../transactions/closed-writers.ts'
import { TransactionJournal } from '../transactions/journal.ts'
import { VersionedFile, versionName } from '../versioned-file.ts'
import { BackupTarget, refuseFilled } from './backup-target.ts'
import { copyPartition } from './copy-partition.ts'
import { type CleanerLocks, type Cut, releaseCleaners, takeCut } from './cut.ts'
import { formatManifest, MANIFEST_FILE } from './manifest.ts'

/** The result of a backup. */
export interface BackedUp {
  readonly topics: number
  readonly partitions: number
  readonly bytes: number
  /** Bytes of closed segments that got a hard link instead of a copy. */
  readonly linkedBytes: number
  /** Whether the target supports hard links to the data's files. */
  readonly linkable: boolean
}

/**
 * Copies a data directory as it is at one moment, while other processes may write to it. Closed segments get a hard link if
 * that is possible, since nothing ever changes them. The manifest is written last. `target` must be empty or missing, and is
 * so again after a failure. Throws `FILE_MISSING`, `DATA_VERSION`, `DATA_OWNER`, `TARGET_NOT_EMPTY`, `LOG_FULL`,
 * `LOG_PARTS_DIFFER`, `LOG_DAMAGED`.
 */
export async function backUp(env: Env, data: string, target: string): Promise<BackedUp> {
  await checkDataDirectory(env, data)
  refuseFilled(env, target)
  const there = env.files.stat(target) !== undefined
  const cleaners: CleanerLocks = new Map()
  try {
    env.files.makeDirectory(target)
    const createdMs = env.clock.now()
    const cut = await takeCut(env, data, cleaners)
    const written = new BackupTarget(env, target)
    for (const each of cut.partitions) await copyPartition(written, each)
    releaseCleaners(cleaners)
    await writeRest(written, data, cut)
    const files = await written.checksums()
    await writeText(env.files, target, MANIFEST_FILE, formatManifest(createdMs, files), 'next')
    return {
      topics: cut.topics.length,
      partitions: cut.partitions.length,
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      linkedBytes: written.linkedBytes,
      linkable: written.linkable,
    }
  } catch (error) {
    abandon(env, target, there)
    throw diskFailed(target, error)
  } finally {
    releaseCleaners(cleaners)
  }
}

/** Writes everything besides the partitions: topics, journals, groups, and the version of the directory. */
export async function writeRest(target: BackupTarget, data: string, cut: Omit<Cut, 'partitions'>): Promise<void> {
  const { directory } = target
  await writeDecisions(target, data, cut)
  await writeGroups(target, data)
  await copyText(target, data, directory, VERSION_FILE)
}

/** Writes the topics' descriptions, and what decides their transactions. */
export async function writeDecisions(
  target: BackupTarget,
  data: string,
  { topics, journals, records }: Omit<Cut, 'partitions'>,
): Promise<void> {
  const { env, directory } = target
  const { files } = env
  for (const { name } of topics) await copyText(target, data, topicDirectory(directory, name), TOPIC_FILE)
  for (const each of [topicsDirectory(directory), transactionsDirectory(directory)]) files.makeDirectory(each)
  for (const [name, record] of journals) {
    const journal = new TransactionJournal(files, directory, name, 'create')
    try {
      journal.write(record)
      await journal.sync()
    } finally {
      journal.close()
    }
    target.add(journal.path)
  }
  await target.write(transactionsDirectory(directory), versionName(CLOSED_FILE, 1), formatClosed(records.closed))
  await target.syncNames(topicsDirectory(directory))
}

/** Copies the members of each group: the process that joins after a restore finds them dead, and ends what they left open. */
async function writeGroups(target: BackupTarget, data: string): Promise<void> {
  const { files } = target.env
  const groups = files.stat(`${data}/jobs`) === undefined ? [] : files.list(`${data}/jobs`)
  for (const group of groups) {
    const from = groupDirectory(data, group)
    // A claim has a file there.
    if (files.stat(from)?.directory !== true) continue
    const { text } = new VersionedFile(files, from, GROUP_FILE).read()
    if (text === undefined) continue
    const directory = groupDirectory(target.directory, group)
    files.makeDirectory(directory)
    await target.write(directory, versionName(GROUP_FILE, 1), text)
    await target.syncNames(`${target.directory}/jobs`)
  }
}

/** Copies a small file to the same place in the backup as in the data directory. */
export async function copyText(target: BackupTarget, data: string, directory: string, name: string): Promise<void> {
  const text = readText(target.env.files, `${data}${directory.slice(target.directory.length)}/${name}`)
  if (text !== undefined) await target.write(directory, name, text)
}

/** Removes what a failed backup has written. A backup that is killed leaves a directory without a manifest. */
function abandon({ files }: Env, target: string, there: boolean): void {
  try {
    if (!there) files.removeTree(target)
    else for (const name of files.list(target)) files.removeTree(`${target}/${name}`)
  } catch {
    // The first failure is the one to report.
  }
}
