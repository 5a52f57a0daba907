import { type Dirent, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { bytes, counted } from '../terminal/amounts.ts'
import { PROBE_PREFIX } from './disk.ts'
import { type Finding, ok, warning } from './finding.ts'

/** A process gives a temporary file its name within seconds: an older one was left by a process that died. */
const AGE_MS_MIN = 10 * 60_000
/** Less than this does not matter on a disk that holds a log. */
const LEFT_BYTES_MAX = 100 * 1024 * 1024

/** Temporary files have such names until they are renamed. Names of users' things begin with a letter or a digit. */
const TEMPORARY =
  /^\.(making|removing|seal|query|millrace\.json|topic\.json|group)-|^\.\.closed-writers-|^compacting$|\.\d+\.new$/

/** What processes that died left in a data directory, and no process needs. */
export interface LeftoverFacts {
  readonly paths: readonly string[]
  readonly bytes: number
}

export function readLeftovers(data: string, nowMs: number): LeftoverFacts {
  const paths = found(data, nowMs)
  return { paths, bytes: paths.reduce((sum, path) => sum + sizeOf(path), 0) }
}

/** Decides on temporary files. */
export function checkLeftovers({ paths, bytes: size }: LeftoverFacts): Finding[] {
  if (paths.length === 0) return []
  const check = 'Temporary files'
  const what = `${counted(paths.length, 'file or directory', 'files and directories')} of processes that died (${bytes(size)})`
  if (size <= LEFT_BYTES_MAX) return [ok(check, `${what}; harmless`, paths[0])]
  const advice = `While nothing runs on the data directory, remove them: "rm -r ${paths.join(' ')}".`
  return [warning({ check, what, where: paths[0] ?? '', advice })]
}

function found(directory: string, nowMs: number): string[] {
  return entriesOf(directory).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (TEMPORARY.test(entry.name) || entry.name.startsWith(PROBE_PREFIX)) return isOld(path, nowMs) ? [path] : []
    return entry.isDirectory() ? found(path, nowMs) : []
  })
}

function isOld(path: string, nowMs: number): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat !== undefined && stat.mtimeMs < nowMs - AGE_MS_MIN
}

function sizeOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  return stat.isDirectory() ? entriesOf(path).reduce((sum, { name }) => sum + sizeOf(join(path, name)), 0) : stat.size
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch {
    return []
  }
}
