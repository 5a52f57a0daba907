import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { MillraceError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { checkClock, watchClock } from './clock.ts'
import { checkDamage, readDamage, stateDirectories } from './damage.ts'
import { checkDirectory, isUsable, readDirectory } from './data-directory.ts'
import { checkDisk, readDisk } from './disk.ts'
import { type Finding, problem } from './finding.ts'
import { checkLeftovers, readLeftovers } from './leftovers.ts'
import { checkMemory, readMemory } from './memory.ts'
import { checkNode, readNode } from './node.ts'
import { checkOpenFiles, readOpenFiles } from './open-files.ts'
import { checkPermissions, readPermissions } from './permissions.ts'
import { checkAnnouncements, checkPort, readAnnouncements, readPort } from './ports.ts'
import { checkProcesses, haltedIn, type ProcessFacts, readProcesses } from './processes.ts'
import type { Group } from './report.ts'
import { checkVersions, readVersions } from './versions.ts'

/** What is examined. */
export interface Examined {
  /** The data directory, as an absolute path. */
  readonly data: string
  /** Whether every byte is read. */
  readonly full: boolean
  /** A port that must be free. */
  readonly port?: number
}

/** Examines the machine and a data directory, one group of checks after the other. `progress` gets the bytes that were read. */
export async function* examine(
  { data, full, port }: Examined,
  progress: (readBytes: number) => void,
): AsyncGenerator<Group, void, undefined> {
  const jump = watchClock()
  const env = nodeEnv()
  const directory = await readDirectory(data)
  const hasLog = isUsable(directory)
  let facts: ProcessFacts | undefined
  const processes = await attempted('Processes', data, async () => {
    if (!hasLog) return []
    facts = await readProcesses(env, data)
    return checkProcesses(facts)
  })
  const tails = (facts?.users.locks ?? []).filter(({ kind }) => kind === 'append').map(({ path }) => path)
  const states = hasLog ? stateDirectories(env, data).length : 0
  const announcements = hasLog ? await readAnnouncements(data) : []

  yield {
    name: 'Machine',
    findings: [
      ...checkVersions(await readVersions()),
      ...checkMemory(readMemory()),
      ...checkOpenFiles(readOpenFiles(tails.length, states)),
      ...checkClock({ nowMs: env.clock.now(), newest: newestOf(tails), jumpMs: jump() }),
      ...(await attempted('Temporary files', tmpdir(), async () =>
        checkDisk(await readDisk('Temporary files', tmpdir(), false)),
      )),
      ...(port === undefined ? [] : checkPort(await readPort(port), announcements)),
    ],
  }
  yield {
    name: 'Data directory',
    findings: [
      checkDirectory(directory),
      ...(directory.kind === 'directory' || directory.kind === 'empty'
        ? await attempted('Permissions', data, async () => checkPermissions(readPermissions(data)))
        : []),
      ...(directory.kind === 'file'
        ? []
        : await attempted('Disk', data, async () => checkDisk(await readDisk('Disk', data, true)))),
    ],
  }
  if (!hasLog) return
  const answering = checkAnnouncements(announcements, facts && haltedIn(facts))
  yield { name: 'Processes', findings: [...checkNode(await readNode(data)), ...processes, ...answering] }
  yield {
    name: 'Log',
    findings: [
      ...(await attempted('Log', data, async () => checkDamage(await readDamage(env, data, full, progress)))),
      ...checkLeftovers(readLeftovers(data, env.clock.now())),
    ],
  }
}

/** The findings of a check, or why it could not be made. */
async function attempted(
  check: string,
  where: string,
  make: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await make()
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    const advice =
      error instanceof MillraceError
        ? `docs/errors.md explains ${error.code}.`
        : 'Make this user the owner of everything in the data directory, and check the disk.'
    return [problem({ check, what: `it cannot be checked: ${error.message}`, where, advice })]
  }
}

/** The newest change to any of some files; undefined if there are none. */
function newestOf(paths: readonly string[]): { readonly path: string; readonly modifiedMs: number } | undefined {
  let newest: { readonly path: string; readonly modifiedMs: number } | undefined
  for (const path of paths) {
    const modifiedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (modifiedMs > (newest?.modifiedMs ?? 0)) newest = { path, modifiedMs }
  }
  return newest
}
