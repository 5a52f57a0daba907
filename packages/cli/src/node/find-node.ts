import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { NodeClient } from '@millrace/client'
import { MillraceError, RefusedError } from '@millrace/core'
import { socketFetch } from '@millrace/core/node'
import { dataArgument } from '../data-option.ts'
import { storedAdminToken } from '../jobs/job-token.ts'
import { announcedNode } from './node-files.ts'

/** How long a node may take to answer that it runs. */
const ANSWER_MS = 2000

/** The node that runs on a data directory. Throws `NODE_NOT_RUNNING` if none answers. */
export async function findNode(data: string): Promise<NodeClient> {
  const client = await runningNode(data)
  if (client !== undefined) return client
  throw new RefusedError(
    'NODE_NOT_RUNNING',
    `No node runs on ${resolve(data)}. Start one ("millrace up${dataArgument(data)}"), or name another data directory with --data`,
  )
}

/** The node that runs on a data directory; undefined if none answers. */
export async function runningNode(data: string): Promise<NodeClient | undefined> {
  const announced = announcedNode(data)
  if (announced === undefined) return undefined
  const { url, socket, pid } = announced
  if (socket !== undefined && !isOf(socket, data)) return undefined
  const { NodeClient } = await import('@millrace/client')
  // On a socket the token is not sent: another program that uses the port now would learn it.
  const token = socket === undefined ? storedAdminToken(data) : undefined
  const connect = { fetch: socket === undefined ? fetch : socketFetch(socket), ...(token !== undefined && { token }) }
  const withinTime: typeof fetch = (input, init) =>
    connect.fetch(input, { ...init, signal: AbortSignal.timeout(ANSWER_MS) })
  try {
    const about = await new NodeClient(url, { ...connect, fetch: withinTime }).about()
    return about.pid === pid ? new NodeClient(url, connect) : undefined
  } catch (error) {
    // Another program may use the port or the socket by now.
    if (error instanceof MillraceError) return undefined
    throw error
  }
}

/**
 * Whether a socket belongs to the owner of the data directory: one outside of it may be gone since, and another user may listen in
 * its place.
 */
function isOf(socket: string, data: string): boolean {
  return statSync(socket, { throwIfNoEntry: false })?.uid === statSync(resolve(data)).uid
}
