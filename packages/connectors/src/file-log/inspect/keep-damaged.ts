import type { FileSystem, OpenFile } from '@millrace/core'
import { systemCode } from '../errors.ts'

const CHUNK_BYTES = 1024 * 1024

/** Copies a file of a partition to `<data>/damaged/<topic>/<partition>/`, durably, beside earlier copies; returns where it is. */
export async function keepDamaged(
  files: FileSystem,
  data: string,
  topic: string,
  partition: number,
  path: string,
): Promise<string> {
  const directories = ['damaged', topic, `${partition}`].map((_, index, names) =>
    [data, ...names.slice(0, index + 1)].join('/'),
  )
  const directory = directories.at(-1) ?? data
  files.makeDirectory(directory)
  const from = files.open(path, 'read')
  try {
    const to = createNew(files, `${directory}/${path.slice(path.lastIndexOf('/') + 1)}`)
    try {
      copy(from, to)
      await to.sync()
    } finally {
      to.close()
    }
    for (const each of [...directories].reverse()) await files.syncDirectory(each)
    await files.syncDirectory(data)
    return to.path
  } finally {
    from.close()
  }
}

/**
 * Gives a closed segment a separate file with the same bytes: a backup may have a hard link to the old file, and nothing in a
 * backup may change.
 */
export async function ownCopy(files: FileSystem, directory: string, path: string): Promise<void> {
  const from = files.open(path, 'read')
  try {
    const to = files.open(`${directory}/repairing`, 'write')
    try {
      to.truncate(0)
      copy(from, to)
      await to.sync()
    } finally {
      to.close()
    }
    files.rename(to.path, path)
    await files.syncDirectory(directory)
  } finally {
    from.close()
  }
}

function createNew(files: FileSystem, path: string): OpenFile {
  for (let number = 1; ; number++) {
    try {
      return files.open(number === 1 ? path : `${path}.${number}`, 'create')
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
    }
  }
}

function copy(from: OpenFile, to: OpenFile): void {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let position = 0; ; ) {
    const read = from.read(buffer, 0, buffer.length, position)
    if (read === 0) return
    to.write(buffer, 0, read, position)
    position += read
  }
}
