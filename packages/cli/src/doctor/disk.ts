import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Env, OpenFile } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { bytes, count } from '../terminal/amounts.ts'
import { type FileSystemKind, fileSystemKind } from './file-system-kind.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** With less room, a job soon stops with LOG_FULL: 100 MiB are seconds of a busy topic. */
const FREE_BYTES_MIN = 100 * 1024 * 1024
/** A default segment has 256 MiB, and compaction rewrites segments before it removes the old ones: room for a few. */
const FREE_BYTES_SOUND = 1024 * 1024 * 1024
/** Every partition needs some files, a state some tens. */
const FREE_FILES_MIN = 1000
/** A sync takes 0.1 to 20 ms on a disk that is not busy, and each commit waits for two. */
const SYNC_SLOW_MS = 250

/** Begins the names of what this check makes for a moment, and removes. */
export const PROBE_PREFIX = '.doctor-'

/** What a file system can do; a text is why it cannot. */
export interface ProbeFacts {
  readonly hardLinks: true | string
  readonly locks: true | string
  readonly sync: true | string
  readonly syncMs: number
}

/** The disk below a directory. */
export interface DiskFacts {
  /** What the directory is for: `Data directory`. */
  readonly name: string
  readonly path: string
  readonly freeBytes: number
  /** Undefined if the file system has no fixed number of files. */
  readonly freeFiles: number | undefined
  readonly kind: FileSystemKind
  /** What was tried in the directory; a text is why nothing could be tried; undefined if nothing had to be. */
  readonly probe: ProbeFacts | string | undefined
}

/** Reads the facts of the disk on which a directory is, or will be. `probes`: tries what the log needs, with a file for a moment. */
export async function readDisk(name: string, directory: string, probes: boolean): Promise<DiskFacts> {
  const path = existingAbove(directory)
  const { bavail, bsize, files, ffree, type } = statfsSync(path)
  return {
    name,
    path,
    freeBytes: bavail * bsize,
    freeFiles: files === 0 ? undefined : ffree,
    kind: fileSystemKind(type, process.platform),
    probe: probes ? await probed(nodeEnv(), path) : undefined,
  }
}

/** Decides on the disk of the data directory, and on that of temporary files. */
export function checkDisk(disk: DiskFacts): Finding[] {
  const { kind, probe } = disk
  return [
    spaceOf(disk),
    ...filesOf(disk),
    ...(probe === undefined ? [] : [...kindOf(disk, kind), ...abilitiesOf(disk, probe)]),
  ]
}

function spaceOf({ name, path, freeBytes, probe }: DiskFacts): Finding {
  const check = `${name}: space`
  const what = `${bytes(freeBytes)} free`
  if (probe === undefined) {
    // Only sockets and tests have files there.
    if (freeBytes >= FREE_BYTES_MIN) return ok(check, what, path)
    return warning({ check, what, where: path, advice: `Free some space in ${path}, or set TMPDIR.` })
  }
  if (freeBytes >= FREE_BYTES_SOUND) return ok(check, what, path)
  const advice =
    'Free some space, or shorten the retention of topics ("millrace topics list" shows their sizes). Jobs stop with LOG_FULL ' +
    'when the disk is full, and lose nothing.'
  return freeBytes < FREE_BYTES_MIN
    ? problem({ check, what: `only ${what}`, where: path, advice })
    : warning({ check, what: `only ${what}`, where: path, advice })
}

function filesOf({ name, path, freeFiles, probe }: DiskFacts): Finding[] {
  if (freeFiles === undefined || freeFiles >= FREE_FILES_MIN || probe === undefined) return []
  const advice =
    'Remove files that are not needed. Each partition and each store needs some; when none is left, jobs stop with LOG_FULL.'
  return [
    problem({ check: `${name}: files`, what: `only ${count(freeFiles)} more files fit (inodes)`, where: path, advice }),
  ]
}

function kindOf({ name, path }: DiskFacts, { name: type, trait }: FileSystemKind): Finding[] {
  const check = `${name}: file system`
  const where = path
  if (trait === 'network') {
    const advice =
      'Put the data directory on a local disk. On a network file system, locks and fsync may not hold, and processes on ' +
      'several machines must not share a data directory.'
    return [problem({ check, what: `${type} is a network file system`, where, advice })]
  }
  if (trait === 'memory') {
    const advice =
      'Everything is lost when the machine restarts. For data that is to be kept, use a directory on a disk.'
    return [warning({ check, what: `${type} is in memory`, where, advice })]
  }
  if (trait === 'container') {
    const advice = 'Everything is lost when the container is removed. Mount a volume, and put the data directory there.'
    return [warning({ check, what: `${type} belongs to the container`, where, advice })]
  }
  return [ok(check, type, where)]
}

function abilitiesOf({ name, path }: DiskFacts, probe: ProbeFacts | string): Finding[] {
  const where = path
  if (typeof probe === 'string') {
    const advice = 'Choose another data directory with --data, or make this user its owner.'
    return [problem({ check: `${name}: writing`, what: `no file can be made in ${path}: ${probe}`, where, advice })]
  }
  const { hardLinks, locks, sync, syncMs } = probe
  const other = 'Use a data directory on another file system: ext4, XFS, Btrfs, ZFS and APFS have what Millrace needs.'
  const lacking = [
    { check: `${name}: hard links`, able: hardLinks, what: 'hard links do not work' },
    { check: `${name}: locks`, able: locks, what: 'advisory locks do not work' },
    { check: `${name}: fsync`, able: sync, what: 'fsync does not work' },
  ].flatMap(({ check, able, what }) =>
    able === true ? [] : [problem({ check, what: `${what}: ${able}`, where, advice: other })],
  )
  if (lacking.length > 0) return lacking
  const works = `hard links, locks and fsync work (${syncMs.toFixed(1)} ms)`
  if (syncMs < SYNC_SLOW_MS) return [ok(`${name}: abilities`, works, where)]
  const what = `an fsync took ${Math.round(syncMs)} ms`
  const advice = 'Each commit waits for that. Check whether the disk is busy or failing, or use another disk.'
  return [warning({ check: `${name}: fsync`, what, where, advice })]
}

/** The directory, or the nearest one above it that exists. */
function existingAbove(directory: string): string {
  let at = directory
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at)
  return at
}

/** Tries what the log needs, in a directory that exists for that moment. A text is why that directory cannot be made. */
async function probed({ files, clock }: Env, path: string): Promise<ProbeFacts | string> {
  const directory = join(path, `${PROBE_PREFIX}${randomUUID()}`)
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    return messageOf(error)
  }
  try {
    const file = files.open(join(directory, 'probe'), 'create')
    const other = files.open(file.path, 'read')
    try {
      file.write(Buffer.from('millrace'), 0, 8, 0)
      const startMs = clock.monotonic()
      const sync = await tried(async () => {
        await file.sync()
        await files.syncDirectory(directory)
      })
      const syncMs = clock.monotonic() - startMs
      const hardLinks = await tried(() => files.link(file.path, `${file.path}.link`))
      return { hardLinks, locks: await triedLock(file, other), sync, syncMs }
    } finally {
      file.close()
      other.close()
    }
  } catch (error) {
    return messageOf(error)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function triedLock(file: OpenFile, other: OpenFile): Promise<true | string> {
  const took = await tried(() => void file.tryLock())
  if (took !== true) return took
  if (!other.isLocked()) return 'a second open file does not notice the lock of the first'
  file.unlock()
  return other.isLocked() ? 'a lock stays after it was released' : true
}

async function tried(act: () => void | Promise<void>): Promise<true | string> {
  try {
    await act()
    return true
  } catch (error) {
    return messageOf(error)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
