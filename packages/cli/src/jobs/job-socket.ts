import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { RefusedError } from '@millrace/core'

/** Systems allow 104 bytes or more for a socket's path, including its end. */
const SOCKET_PATH_BYTES_MAX = 100

/**
 * The path of the socket on which this process serves its views. It is in the data directory if the system allows: see
 * `socketPath`. A file that an earlier process left there is removed.
 */
export function freeSocketPath(data: string): string | undefined {
  const jobs = resolve(data, 'jobs')
  mkdirSync(jobs, { recursive: true, mode: 0o700 })
  // No job can have this name, so the folder of a job cannot have this path.
  const path = socketPath(join(jobs, `@${process.pid}.sock`))
  // No other process has this number.
  if (path !== undefined) rmSync(path, { force: true })
  return path
}

/**
 * The path of a socket: the given one, or, if that is too long for a socket, one that follows from it in a folder of this user
 * among the system's temporary ones. Undefined on a system without such sockets. Throws `ADDRESS_REFUSED` if the folder is not
 * this user's alone or cannot be made, or if its path is too long too.
 */
export function socketPath(wanted: string): string | undefined {
  const uid = process.getuid?.()
  if (uid === undefined) return undefined
  return Buffer.byteLength(wanted) <= SOCKET_PATH_BYTES_MAX ? wanted : pathOutside(wanted, uid)
}

function pathOutside(wanted: string, uid: number): string {
  const folder = join(tmpdir(), `millrace-${uid}`)
  const path = join(folder, `${createHash('sha256').update(wanted).digest('hex').slice(0, 24)}.sock`)
  const bytes = Buffer.byteLength(path)
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new RefusedError(
      'ADDRESS_REFUSED',
      `The socket cannot be at ${path}: the path has ${bytes} bytes, and the maximum is ${SOCKET_PATH_BYTES_MAX}. Set ` +
        'TMPDIR to a folder with a shorter path, or use a data directory with a shorter path',
      { file: path },
    )
  }
  makeFolder(folder)
  const { mode, uid: owner } = lstatSync(folder)
  // Another user may have made such a folder there first.
  if (owner !== uid || (mode & 0o170_077) !== 0o040_000) {
    throw new RefusedError(
      'ADDRESS_REFUSED',
      `The socket cannot be in folder ${folder}, because other users can write there. Remove the folder, set TMPDIR, or ` +
        'use a data directory with a shorter path',
      { file: folder },
    )
  }
  return path
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RefusedError(
      'ADDRESS_REFUSED',
      `The folder ${folder} for the socket cannot be created: ${reason}. Set TMPDIR to a writable folder, or use a data ` +
        'directory with a shorter path',
      { file: folder, cause },
    )
  }
}
