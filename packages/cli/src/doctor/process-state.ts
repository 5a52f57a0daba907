import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'

/**
 * What a process does. `stopped`: it was stopped, by SIGSTOP or a debugger, and does nothing until it continues. `stuck`: it
 * waits for a disk, and cannot even be killed. `gone`: there is no such process. `unknown`: the platform does not report it.
 */
export type ProcessState = 'running' | 'stopped' | 'stuck' | 'gone' | 'unknown'

/** The letters of `ps`, which `/proc/<pid>/stat` has too. */
const STATES: ReadonlyMap<string, ProcessState> = new Map([
  ['T', 'stopped'],
  ['t', 'stopped'],
  ['D', 'stuck'],
  ['U', 'stuck'],
  ['Z', 'gone'],
  ['X', 'gone'],
])

/** What a process does at this moment. */
export function processState(pid: number): ProcessState {
  if (!exists(pid)) return 'gone'
  const letter = process.platform === 'linux' ? letterInProc(pid) : letterOfPs(pid)
  return letter === undefined ? 'unknown' : (STATES.get(letter) ?? 'running')
}

/**
 * The process that holds the lock of each of these files. Only Linux shows it, and only for processes that this user may look
 * at: the other files are missing in the result.
 */
export function lockHolders(paths: readonly string[]): ReadonlyMap<string, number> {
  const holders = new Map<string, number>()
  if (process.platform !== 'linux' || paths.length === 0) return holders
  const wanted = new Map(paths.map((path) => [realpathSync(path), path]))
  for (const pid of namesIn('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const path = wanted.get(targetOf(`/proc/${pid}/fd/${fd}`) ?? '')
      // The kernel lists a lock with the open file that holds it, since the lock belongs to that and not to a process.
      const holds = path !== undefined && /^lock:.*\bWRITE\b/m.test(textOf(`/proc/${pid}/fdinfo/${fd}`) ?? '')
      if (holds) holders.set(path, Number(pid))
    }
  }
  return holders
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** The state follows the name of the program, which may contain spaces and parentheses. */
function letterInProc(pid: number): string | undefined {
  return /^.*\) (\S)/s.exec(textOf(`/proc/${pid}/stat`) ?? '')?.[1]
}

function letterOfPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim()[0]
  } catch {
    return undefined
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
