import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { socketPath } from '../jobs/job-socket.ts'
import { nodeDirectory } from './node-files.ts'

/**
 * The path of the socket on which a node answers. A file that a former node left there is removed, so the caller must hold the
 * node's lock. Undefined on a system without such sockets. Throws `ADDRESS_REFUSED` as the socket of a job does.
 */
export function freeNodeSocket(data: string): string | undefined {
  const directory = nodeDirectory(data)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = socketPath(join(directory, 'node.sock'))
  if (path !== undefined) rmSync(path, { force: true })
  return path
}
