import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { join, resolve } from 'node:path'
import { RefusedError } from '@millrace/core'
import { adminTokenFile, tokenFile } from '../jobs/job-token.ts'
import { nodeDirectory } from './node-files.ts'

/**
 * Throws `DATA_OWNER` if another user owns a file of the node in a data directory of this user: the directory was open to others
 * once, and a link that was put there then would lead the node to write, or run, something else.
 */
export function requireOwnFiles(data: string): void {
  const uid = process.getuid?.()
  // Opening a data directory of another user is refused with its own reason.
  if (uid === undefined || found(resolve(data))?.uid !== uid) return
  for (const path of [tokenFile(data), adminTokenFile(data), nodeDirectory(data)]) requireOwn(path, uid)
}

function requireOwn(path: string, uid: number): void {
  const stats = found(path)
  if (stats === undefined) return
  if (stats.uid !== uid) {
    throw new RefusedError(
      'DATA_OWNER',
      `${path} belongs to another user (${stats.uid}), who may have put it there while others could write to the data directory. ` +
        'Check it, and remove it',
      { file: path },
    )
  }
  // A link of this user is followed: it may keep the logs on another disk.
  if (stats.isDirectory()) for (const name of readdirSync(path)) requireOwn(join(path, name), uid)
}

function found(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}
