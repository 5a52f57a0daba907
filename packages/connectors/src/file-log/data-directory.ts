import { dirname, resolve } from 'node:path'
import { type Env, type FileSystem, RefusedError } from '@millrace/core'
import { messageOf, systemCode, writeFailed } from './errors.ts'
import { readIfThere } from './if-there.ts'
import { topicsDirectory, transactionsDirectory } from './paths.ts'

/** The layout that this version writes and reads. */
export const DATA_VERSION = 4
export const VERSION_FILE = 'millrace.json'

/**
 * Makes a directory a data directory, or checks that it is one of this version and this user. Throws `DATA_VERSION`,
 * `DATA_OWNER`, `LOG_FULL`.
 */
export async function openDataDirectory({ files, random }: Env, directory: string): Promise<void> {
  try {
    const parents = parentsToSync(files, directory)
    files.makeDirectory(directory)
    checkOwner(files, directory)
    const text = readText(files, `${directory}/${VERSION_FILE}`)
    if (text === undefined) {
      // Other processes may open the same new directory now: each writes its own file, and the last one that is renamed into
      // place stays.
      await writeText(files, directory, VERSION_FILE, `${JSON.stringify({ version: DATA_VERSION })}\n`, random.uuid())
    } else {
      checkVersion(directory, text)
    }
    files.makeDirectory(topicsDirectory(directory))
    files.makeDirectory(transactionsDirectory(directory))
    // Also if all of it was there already: the process that made it may have died before this step.
    await files.syncDirectory(directory)
    for (const parent of parents) await syncParent(files, parent)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new RefusedError(
        'DATA_OWNER',
        `The data directory ${directory} cannot be written (${code}). Choose another with --data, or make this user its owner`,
        { file: directory, cause: error },
      )
    }
    if (code === 'ENOTDIR' || code === 'EEXIST') {
      throw new RefusedError('DATA_VERSION', `Path ${directory} is not a directory. Choose another with --data`, {
        file: directory,
      })
    }
    throw writeFailed(directory, error)
  }
}

/**
 * The directories above with a name in them that may not be durable: those that are about to be made, and always the nearest,
 * since the process that made the data directory may have died right after.
 */
function parentsToSync(files: FileSystem, directory: string): string[] {
  const parents: string[] = []
  let child = resolve(directory)
  do {
    const parent = dirname(child)
    parents.push(parent)
    child = parent
  } while (files.stat(child) === undefined && child !== dirname(child))
  return parents
}

async function syncParent(files: FileSystem, parent: string): Promise<void> {
  try {
    await files.syncDirectory(parent)
  } catch (error) {
    const code = systemCode(error)
    // This process did not make a directory that it may only pass through.
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error
  }
}

/** The file's text; undefined if there is no such file. */
export function readText(files: FileSystem, path: string): string | undefined {
  if (files.stat(path) === undefined) return undefined
  return readIfThere(files, path, (file) => {
    const bytes = Buffer.alloc(file.size())
    return bytes.toString('utf8', 0, file.read(bytes, 0, bytes.length, 0))
  })
}

/**
 * Writes a small file so that it is there whole or not at all, even after a power cut. `unique` makes the name of the
 * temporary file differ from those of other processes.
 */
export async function writeText(
  files: FileSystem,
  directory: string,
  name: string,
  text: string,
  unique: string,
): Promise<void> {
  const path = `${directory}/${name}`
  const temporary = `${directory}/.${name}-${unique}`
  await writeDurably(files, temporary, Buffer.from(text))
  files.rename(temporary, path)
  await files.syncDirectory(directory)
}

/** Makes bytes the durable content of a file whose name need not be durable. */
export async function writeDurably(files: FileSystem, path: string, bytes: Buffer): Promise<void> {
  const file = files.open(path, 'write')
  try {
    // A process that died may have left a longer one.
    file.truncate(0)
    file.write(bytes, 0, bytes.length, 0)
    await file.sync()
  } finally {
    file.close()
  }
}

/** Throws `DATA_OWNER` if a directory belongs to another user. */
export function checkOwner(files: FileSystem, directory: string): void {
  const uid = files.stat(directory)?.uid ?? -1
  const own = process.getuid?.() ?? -1
  if (uid === -1 || own === -1 || uid === own) return
  throw new RefusedError(
    'DATA_OWNER',
    `The data directory ${directory} belongs to user ${uid}, and this process runs as user ${own}. Files of two owners in ` +
      `one directory block each other. Run as its owner, or choose another directory with --data`,
    { file: directory },
  )
}

/** The version that a data directory states; the reason why it states none that can be read; undefined if it states none. */
export function dataVersionIn(files: FileSystem, directory: string): unknown {
  const text = readText(files, `${directory}/${VERSION_FILE}`)
  return text === undefined ? undefined : versionIn(text)
}

function versionIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { version?: unknown }).version
  } catch (error) {
    return messageOf(error)
  }
}

/** Throws `DATA_VERSION` if a data directory states another version than this one. */
export function checkVersion(directory: string, text: string): void {
  const version = versionIn(text)
  if (version === DATA_VERSION) return
  throw new RefusedError(
    'DATA_VERSION',
    `The data directory ${directory} has version ${JSON.stringify(version)}, and this Millrace works with version ` +
      `${DATA_VERSION}. Use the Millrace that wrote it, or choose another directory with --data`,
    { file: directory },
  )
}
