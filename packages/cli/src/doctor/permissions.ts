import { accessSync, constants, type Dirent, lstatSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { counted } from '../terminal/amounts.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** What users other than the owner may do. */
const OTHERS = 0o077
/** Connecting to a socket needs the right to write to it. */
const WRITERS = 0o022
const PERMISSIONS = 0o777
/** So many paths are named; there may be thousands. */
const PATHS_SHOWN = 3

/** A path whose owner or mode is not what it should be. */
export interface OddPath {
  readonly path: string
  /** `unreadable`: this user cannot read or write it. `open`: other users may read it. `foreign`: another user owns it. */
  readonly fault: 'unreadable' | 'open' | 'foreign'
}

/** Who may do what in a data directory. */
export interface PermissionFacts {
  readonly directory: string
  /** This user; undefined on a platform without user ids. */
  readonly uid: number | undefined
  readonly owner: number
  readonly mode: number
  readonly files: number
  readonly odd: readonly OddPath[]
}

export function readPermissions(directory: string): PermissionFacts {
  const { uid: owner, mode } = statSync(directory)
  const uid = process.getuid?.()
  const odd: OddPath[] = isUsable(directory) ? [] : [{ path: directory, fault: 'unreadable' }]
  const files = walk(directory, uid, (mode & OTHERS) !== 0, odd)
  return { directory, uid, owner, mode: mode & PERMISSIONS, files, odd }
}

/** Decides on owner and modes. */
export function checkPermissions({ directory, uid, owner, mode, files, odd }: PermissionFacts): Finding[] {
  if (uid === undefined) return []
  const check = 'Permissions'
  const where = directory
  const findings: Finding[] = []
  if (owner !== uid) {
    const what = `the data directory belongs to user ${owner}, and this is user ${uid}`
    const advice = `Run as user ${owner}, or give the directory to this user ("chown -R ${uid} ${directory}") while nothing runs on it.`
    findings.push(problem({ check, what, where, advice }))
  }
  if ((mode & OTHERS) !== 0) {
    const what = `other users may look into the data directory (mode 0${mode.toString(8)})`
    findings.push(
      warning({ check, what, where, advice: `Close it: "chmod 700 ${directory}". Every other command does it too.` }),
    )
  }
  const of = (fault: OddPath['fault']) => odd.filter((each) => each.fault === fault).map(({ path }) => path)
  const [unreadable, open, foreign] = [of('unreadable'), of('open'), of('foreign')]
  // In a directory of another user, all of it follows from that.
  if (unreadable.length > 0 && owner === uid) {
    const advice = `Make this user their owner: "chown -R ${uid} ${directory}", and "chmod -R u+rwX ${directory}".`
    findings.push(
      problem({ check, what: `this user cannot use ${shown(unreadable)}`, where: unreadable[0] ?? '', advice }),
    )
  }
  if (foreign.length > 0 && owner === uid) {
    const advice = `Files of two users block each other. While nothing runs: "chown -R ${uid} ${directory}".`
    findings.push(warning({ check, what: `another user owns ${shown(foreign)}`, where: foreign[0] ?? '', advice }))
  }
  if (open.length > 0) {
    const advice = `Anyone who reads the token, or connects to a socket, can read the views of the jobs. Close them: "chmod 600 ${open.join(' ')}".`
    findings.push(problem({ check, what: `other users may open ${shown(open)}`, where: open[0] ?? '', advice }))
  }
  if (findings.length > 0) return findings
  return [
    ok(
      check,
      `only user ${uid} may open the data directory (mode 0${mode.toString(8)}, ${counted(files, 'file')})`,
      where,
    ),
  ]
}

function shown(paths: readonly string[]): string {
  const named = paths.slice(0, PATHS_SHOWN).join(', ')
  return paths.length > PATHS_SHOWN ? `${named} and ${counted(paths.length - PATHS_SHOWN, 'other path')}` : named
}

/** Looks at everything below a directory; returns how many files there are. `isOpen`: other users may pass through it. */
function walk(directory: string, uid: number | undefined, isOpen: boolean, odd: OddPath[]): number {
  let files = 0
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    // It was removed meanwhile.
    if (stat === undefined) continue
    if (uid !== undefined && stat.uid !== uid) odd.push({ path, fault: 'foreign' })
    if (isExposed(entry, stat.mode, isOpen)) odd.push({ path, fault: 'open' })
    if ((entry.isFile() || entry.isDirectory()) && !isUsable(path)) odd.push({ path, fault: 'unreadable' })
    if (entry.isDirectory()) files += walk(path, uid, isOpen && (stat.mode & OTHERS) !== 0, odd)
    else files++
  }
  return files
}

/** A directory that cannot be listed is reported as one that cannot be used. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch {
    return []
  }
}

/** The token opens the views of all jobs. On a job's socket no token is needed: only the directory protects it. */
function isExposed(entry: Dirent, mode: number, isOpen: boolean): boolean {
  if (entry.name === 'token' && entry.isFile()) return (mode & OTHERS) !== 0
  return entry.isSocket() && isOpen && (mode & WRITERS) !== 0
}

function isUsable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT'
  }
}
