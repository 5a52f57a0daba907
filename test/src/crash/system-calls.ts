import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type Ended, runJob, ScratchDirectory } from './job-process.ts'

/** The calls that change files; `openat` only if it may create one. */
const CALLS = ['write', 'pwrite64', 'ftruncate', 'fdatasync', 'fsync', 'rename', 'unlink', 'mkdir', 'openat'] as const

export type SystemCall = (typeof CALLS)[number]

/** One call of a run on a file of the data directory, described as strace can select it. */
export interface CallPoint {
  readonly call: SystemCall
  /** The file, from the data directory. */
  readonly path: string
  /** The n-th call of its name on this file in its thread. */
  readonly index: number
}

/** Temporary files have the same names in all similar runs, so that a call can be found again by its file. */
const NAMES = 1

/** Whether strace is installed and may be used. */
export function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** All calls of one complete run that strace can select, in order. */
export async function tracePoints(): Promise<CallPoint[]> {
  using first = new ScratchDirectory()
  // This run leaves the program compiled for all later runs: whether it is compiled changes the numbers of its calls.
  await runJob(first.path)
  using scratch = new ScratchDirectory()
  const { ended, trace } = await traceJob(scratch.path, NAMES, [])
  if (ended.code !== 0) throw new Error(`The run without a fault failed: ${ended.output}`)
  const points = new Map<string, CallPoint>()
  for (const { call, path, index, changes } of parseTrace(trace, scratch.path)) {
    const name = `${call} ${index} ${path}`
    if (changes && !points.has(name)) points.set(name, { call, path, index })
  }
  return [...points.values()]
}

/** Runs the job with one effect at a call: `signal=KILL` (before the call), `error=EIO` (instead of it). */
export async function runWithFault(
  directory: string,
  { call, path, index }: CallPoint,
  effect: string,
  {
    lasting = false,
    again = false,
  }: {
    /** Has the same effect on that call and on all later ones. */
    readonly lasting?: boolean
    /** Whether a run with the same names has used the directory before. */
    readonly again?: boolean
  } = {},
): Promise<{ ended: Ended; trace: string }> {
  const when = `${index}${lasting ? '+' : ''}`
  const fault = ['-P', `${directory}/${path}`, '-e', `inject=${call}:${effect}:when=${when}`]
  return await traceJob(directory, again ? NAMES + 1 : NAMES, fault)
}

/** The calls of a run after the one that a fault was injected into. */
export function callsAfter(point: CallPoint, trace: string, directory: string): TracedCall[] {
  const calls = parseTrace(trace, directory)
  const at = calls.findIndex(
    ({ call, path, index }) => call === point.call && path === point.path && index === point.index,
  )
  return at === -1 ? [] : calls.slice(at + 1)
}

async function traceJob(
  directory: string,
  names: number,
  faults: readonly string[],
): Promise<{ ended: Ended; trace: string }> {
  using scratch = new ScratchDirectory()
  const file = `${scratch.path}/trace`
  // With this option the process stops only at these calls, which halves its time. strace 6.1 does not deliver a signal that way.
  const stops = faults.some((fault) => fault.includes(':signal=')) ? [] : ['--seccomp-bpf']
  const traced = [
    '-f',
    ...stops,
    '-qq',
    '-y',
    '-s',
    '0',
    '-o',
    file,
    '-e',
    `trace=${CALLS.join(',')}`,
    '-e',
    'signal=none',
  ]
  const ended = await runJob(directory, { names, under: ['strace', ...traced, ...faults] })
  return { ended, trace: readFileSync(file, 'utf8') }
}

/** A call on a file of the data directory, as a trace shows it. */
interface TracedCall extends CallPoint {
  /** False for opening a file without making one. */
  readonly changes: boolean
}

/** The calls of a trace, numbered as strace numbers them. */
function parseTrace(trace: string, directory: string): TracedCall[] {
  const counts = new Map<string, number>()
  const count = (name: string) => {
    const next = (counts.get(name) ?? 0) + 1
    counts.set(name, next)
    return next
  }
  return trace.split('\n').flatMap((line) => {
    const [, thread = '', name = '', args = ''] = /^(\d+) +(\w+)\((.*)/.exec(line) ?? []
    const call = CALLS.find((each) => each === name)
    // The rest is signals, ends of threads, and second halves of calls that a call of another thread interrupted in the trace.
    if (call === undefined) return []
    const at = args.indexOf(`${directory}/`)
    if (at === -1) return []
    const path = /^[^">]*/.exec(args.slice(at + directory.length + 1))?.[0] ?? ''
    const index = count(`${thread} ${call} ${path}`)
    return { call, path, index, changes: call !== 'openat' || args.includes('O_CREAT') }
  })
}
