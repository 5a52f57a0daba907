import { basename, dirname } from 'node:path'
import { type FileSystem, RefusedError } from '@millrace/core'
import type { Artefact } from './artefact.ts'
import { damagedArtefact } from './damaged-artefact.ts'
import { formatManifest, MANIFEST_BYTES_MAX, MANIFEST_FILE } from './manifest.ts'
import { verifiedArtefact } from './verified-artefact.ts'

/** Locked by the process that adds or removes an artefact. */
const LOCK_FILE = 'lock'
/** Not yet an artefact, or not any more. Only the process with the lock uses them; what a killed one left is deleted. */
const NEW_DIRECTORY = 'new'
const REMOVED_DIRECTORY = 'removed'
const ID = /^[0-9a-f]{64}$/

/** The directory of an artefact in a data directory. */
export function artefactDirectory(data: string, id: string): string {
  return `${artefactsDirectory(data)}/${id}`
}

/** Whether a text that came with a request is the id of an artefact, and not a path. */
export function isArtefactId(text: string): boolean {
  return ID.test(text)
}

function artefactsDirectory(data: string): string {
  return `${data}/node/artefacts`
}

/**
 * Writes an artefact into a data directory that exists, durably: it is there whole or not at all, also when processes write it at the same
 * time. An artefact that is there already stays, and is written again if it is damaged.
 */
export async function writeArtefact(files: FileSystem, data: string, artefact: Artefact): Promise<void> {
  const directory = artefactsDirectory(data)
  files.makeDirectory(directory)
  for (const made of [dirname(directory), data]) await files.syncDirectory(made)
  await withLock(files, directory, async () => {
    const target = artefactDirectory(data, artefact.id)
    if (!isWhole(files, target)) {
      const fresh = `${directory}/${NEW_DIRECTORY}`
      files.removeTree(fresh)
      try {
        await writeContents(files, fresh, artefact)
      } catch (error) {
        // It would take the space that is missing.
        files.removeTree(fresh)
        throw error
      }
      files.removeTree(target)
      files.rename(fresh, target)
    }
    // Also if it was there already: the process that renamed it may have died before this step.
    await files.syncDirectory(directory)
  })
}

async function writeContents(files: FileSystem, directory: string, { contents, manifest }: Artefact): Promise<void> {
  files.makeDirectory(directory)
  for (const [name, content] of contents) await writeFile(files, `${directory}/${name}`, content)
  await writeFile(files, `${directory}/${MANIFEST_FILE}`, formatManifest(manifest))
  await files.syncDirectory(directory)
}

/** Reads an artefact from its directory, and checks every byte. Throws `ARTEFACT_MISSING`, `ARTEFACT_VERSION`, `ARTEFACT_DAMAGED`. */
export function readArtefact(files: FileSystem, directory: string): Artefact {
  const id = basename(directory)
  const place = `Artefact ${directory}`
  if (files.stat(directory)?.directory !== true) {
    throw new RefusedError('ARTEFACT_MISSING', `${place} does not exist. Deploy the job again`, { file: directory })
  }
  const manifest = readFile(files, `${directory}/${MANIFEST_FILE}`, MANIFEST_BYTES_MAX)
  if (manifest === undefined) throw damagedArtefact(place, `file ${MANIFEST_FILE} is missing or too large`)
  return verifiedArtefact({
    place,
    id,
    manifest,
    read: ({ name, bytes }) => readFile(files, `${directory}/${name}`, bytes),
  })
}

/** The ids of the artefacts in a data directory, in order. They are not checked. */
export function listArtefacts(files: FileSystem, data: string): string[] {
  const directory = artefactsDirectory(data)
  return files.stat(directory) === undefined ? [] : files.list(directory).filter(isArtefactId)
}

/** Removes an artefact, durably. An artefact that does not exist is not an error. A process that has loaded it needs it no more. */
export async function removeArtefact(files: FileSystem, data: string, id: string): Promise<void> {
  const directory = artefactsDirectory(data)
  const target = artefactDirectory(data, id)
  // An id may come from a request: it must not be a path.
  if (!isArtefactId(id) || files.stat(target) === undefined) return
  await withLock(files, directory, async () => {
    const removed = `${directory}/${REMOVED_DIRECTORY}`
    files.removeTree(removed)
    if (files.stat(target) !== undefined) files.rename(target, removed)
    // Before the content is deleted: otherwise a power cut could leave a part of it under the former name.
    await files.syncDirectory(directory)
    files.removeTree(removed)
  })
}

async function withLock(files: FileSystem, directory: string, action: () => Promise<void>): Promise<void> {
  const lock = files.open(`${directory}/${LOCK_FILE}`, 'write')
  try {
    await lock.lock()
    await action()
  } finally {
    lock.close()
  }
}

function isWhole(files: FileSystem, directory: string): boolean {
  try {
    readArtefact(files, directory)
    return true
  } catch (error) {
    if (error instanceof RefusedError) return false
    throw error
  }
}

async function writeFile(files: FileSystem, path: string, content: Uint8Array): Promise<void> {
  const file = files.open(path, 'create')
  try {
    file.write(content, 0, content.length, 0)
    await file.sync()
  } finally {
    file.close()
  }
}

/** The content of a file; undefined if there is no such file, or if it is larger than expected. */
function readFile(files: FileSystem, path: string, bytesMax: number): Uint8Array | undefined {
  if (files.stat(path)?.directory !== false) return undefined
  const file = files.open(path, 'read')
  try {
    const bytes = file.size()
    if (bytes > bytesMax) return undefined
    const content = Buffer.alloc(bytes)
    return content.subarray(0, file.read(content, 0, bytes, 0))
  } finally {
    file.close()
  }
}
