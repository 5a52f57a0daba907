import { dirname } from 'node:path'
import type { Env, FileSystem } from '@millrace/core'

/** What is not a savepoint yet, or not any more. No savepoint has such a name, since a name starts with a letter or digit. */
const MAKING = '.making-'
const REMOVING = '.removing-'

/** The directory of a job's savepoints, with a directory for each. */
export function savepointsDirectory(data: string, job: string): string {
  return `${data}/savepoints/${job}`
}

/** The directory of a savepoint: its manifest, the job's own topics in `log`, and the local state in `state`. */
export function savepointDirectory(data: string, job: string, name: string): string {
  return `${savepointsDirectory(data, job)}/${name}`
}

/** Where a savepoint's topics are. */
export function topicsIn(savepoint: string): string {
  return `${savepoint}/log`
}

/** Where a savepoint's copies of the local state are, one for each task. */
export function statesIn(savepoint: string): string {
  return `${savepoint}/state`
}

/** Makes the directory of a job's savepoints, durably. */
export async function makeSavepoints(files: FileSystem, directory: string): Promise<void> {
  files.makeDirectory(directory)
  // The directory of all savepoints may be new, too.
  for (const above of [dirname(directory), dirname(dirname(directory))]) await files.syncDirectory(above)
}

/**
 * Makes a directory in which `fill` writes, and gives it its name when all of it is durable; a crash leaves nothing under that
 * name. Removes what former crashes left.
 */
export async function makeWhole(
  { files, random }: Env,
  parent: string,
  name: string,
  fill: (directory: string) => Promise<void>,
): Promise<void> {
  await makeSavepoints(files, parent)
  for (const left of files.list(parent)) {
    if (left.startsWith(MAKING) || left.startsWith(REMOVING)) files.removeTree(`${parent}/${left}`)
  }
  const making = `${parent}/${MAKING}${random.uuid()}`
  try {
    files.makeDirectory(making)
    await fill(making)
    await files.syncDirectory(making)
    files.rename(making, `${parent}/${name}`)
  } catch (error) {
    files.removeTree(making)
    throw error
  }
  await files.syncDirectory(parent)
}

/** Removes a directory with everything in it: after a crash, it is there whole or not at all. */
export async function removeWhole({ files, random }: Env, parent: string, name: string): Promise<void> {
  const removing = `${parent}/${REMOVING}${random.uuid()}`
  files.rename(`${parent}/${name}`, removing)
  await files.syncDirectory(parent)
  files.removeTree(removing)
}

/** Bytes of the files in a directory that have no other name. */
export function ownBytesIn({ files }: Pick<Env, 'files'>, directory: string): number {
  let bytes = 0
  for (const name of files.list(directory)) {
    const path = `${directory}/${name}`
    const stat = files.stat(path)
    if (stat?.directory === true) bytes += ownBytesIn({ files }, path)
    else if (stat !== undefined && stat.links <= 1) bytes += stat.bytes
  }
  return bytes
}
