import { mkdtempSync, readFileSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { count, counted } from '../terminal/amounts.ts'
import { type Finding, ok, warning } from './finding.ts'

/** Node itself, the modules, sockets and some connections. */
const BASE_FILES = 64
/** Of a partition that a job writes: its tail, its segment and the index. Of one that it reads: tail, segment, look-ahead. */
const FILES_A_PARTITION = 6
/** LevelDB's lock, message log, manifest and write-ahead logs; its tables are mapped into memory. */
const FILES_A_STATE = 6

/** What one process may have open, and what a job on this data directory may need at most. */
export interface OpenFileFacts {
  /** The limit of open files in this process; Node raises it to the hard limit. Undefined if there is none. */
  readonly filesMax: number | undefined
  /** The limits of watches (inotify); undefined if the platform has none. */
  readonly watchesMax: number | undefined
  /** Why a file could not be watched; undefined if it could. */
  readonly watchFailure: string | undefined
  readonly partitions: number
  readonly states: number
}

export function readOpenFiles(partitions: number, states: number): OpenFileFacts {
  return { filesMax: openFilesMax(), watchesMax: watchesMax(), watchFailure: watchFailure(), partitions, states }
}

/** Decides on the files and watches that a process may have. */
export function checkOpenFiles(facts: OpenFileFacts): Finding[] {
  const { filesMax, partitions, states } = facts
  const needed = BASE_FILES + partitions * FILES_A_PARTITION + states * FILES_A_STATE
  const check = 'Open files'
  const of = `for ${counted(partitions, 'partition')} and ${counted(states, 'local state')}`
  const isEnough = filesMax === undefined || filesMax >= needed
  const limit = filesMax === undefined ? 'no limit' : `the limit is ${count(filesMax)}`
  const files = isEnough
    ? ok(check, `a process may need ${count(needed)} ${of}; ${limit}`)
    : warning({
        check,
        what: `${limit}, and a process that uses everything may need ${count(needed)} ${of}`,
        advice: `Raise the hard limit for the user: "ulimit -Hn ${needed}", or LimitNOFILE=${needed} in a service of systemd.`,
      })
  return [files, ...watchesOf(facts)]
}

function watchesOf({ watchesMax: max, watchFailure: failure, partitions }: OpenFileFacts): Finding[] {
  const check = 'File watches'
  if (failure !== undefined) {
    const advice =
      'Readers then notice new records late. Raise the limits: "sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288". Or end programs that watch many files.'
    return [warning({ check, what: `no file can be watched now: ${failure}`, advice })]
  }
  if (max === undefined) return []
  if (max >= partitions) return [ok(check, `${count(max)} allowed, one for each partition that is read`)]
  const what = `${count(max)} are allowed for this user, and there are ${counted(partitions, 'partition')}`
  const advice = `Raise the limit: "sysctl fs.inotify.max_user_watches=${partitions * 4}".`
  return [warning({ check, what, advice })]
}

/** In this process, like in a job's, Node has raised the limit as far as it may. */
function openFilesMax(): number | undefined {
  const limits = textOf('/proc/self/limits')
  const found = limits === undefined ? reportedLimit() : /^Max open files\s+(\S+)/m.exec(limits)?.[1]
  const number = Number(found)
  return Number.isSafeInteger(number) ? number : undefined
}

function reportedLimit(): unknown {
  const report: unknown = process.report?.getReport()
  if (typeof report !== 'object' || report === null || !('userLimits' in report)) return undefined
  const limits: unknown = report.userLimits
  const files = typeof limits === 'object' && limits !== null && 'open_files' in limits ? limits.open_files : undefined
  return typeof files === 'object' && files !== null && 'soft' in files ? files.soft : undefined
}

function watchesMax(): number | undefined {
  const text = textOf('/proc/sys/fs/inotify/max_user_watches')
  return text === undefined ? undefined : Number(text)
}

/** Watches a file for a moment: the limits are shared by all programs of the user. */
function watchFailure(): string | undefined {
  let directory: string | undefined
  try {
    directory = mkdtempSync(join(tmpdir(), 'millrace-doctor-'))
    watch(directory, { persistent: false }).close()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
