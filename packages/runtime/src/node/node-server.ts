import type { Env } from '@millrace/core'
import { answerUnreadable } from '../http/answer.ts'
import type { HttpEndpoint, ListenPlace } from '../http/http-endpoint.ts'
import { loopbackAddress } from '../http/listen-address.ts'
import { type Access, guarded, requireOrigins } from '../http/request-guard.ts'
import type { NodeSources } from './node-routes.ts'

/** What a node's server serves, where, and to which clients. */
export interface NodeServerOptions extends Omit<NodeSources, 'closing'> {
  readonly env: Env
  /** `localhost`, `::1` or `127.x.x.x`. Default `127.0.0.1`. */
  readonly host?: string
  /** The port; 0 takes a free one. */
  readonly port: number
  /** The token for reading through the port. */
  readonly readToken: string
  /** The token for changes through the port; it may also read. */
  readonly adminToken: string
  /** The path of a Unix domain socket. Only this user may connect to it, so it requires no token. Default: no socket. */
  readonly socket?: string
  /** Origins of web pages that may read. Default: none. */
  readonly allowOrigins?: readonly string[]
}

/** The server of a node. */
export interface NodeServer {
  /** The server's URL: `http://127.0.0.1:4700`. */
  readonly url: string
  /** Lets answers on their way finish, and frees the port and the socket. */
  close(): Promise<void>
}

/**
 * Serves a node over HTTP on this machine. Resolves once it listens. Throws `ADDRESS_REFUSED`, `PORT_IN_USE`, and `BAD_REQUEST`
 * for an invalid origin.
 */
export async function startNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  const { env, host = '127.0.0.1', port, readToken, adminToken, socket, allowOrigins = [], ...sources } = options
  const address = loopbackAddress(host)
  requireOrigins(allowOrigins)
  const closing = new AbortController()
  const [{ openEndpoint }, { getRequestListener }, { nodeRoutes }] = await Promise.all([
    import('../http/http-endpoint.ts'),
    import('@hono/node-server'),
    import('./node-routes.ts'),
  ])
  const { fetch } = nodeRoutes({ ...sources, closing: closing.signal })
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false, errorHandler: answerUnreadable })
  const endpoints: HttpEndpoint[] = []
  const open = async (place: ListenPlace, access: Access) => {
    const endpoint = await openEndpoint(place, guarded(answer, access), env)
    endpoints.push(endpoint)
    return endpoint
  }
  const close = async () => {
    closing.abort()
    await Promise.all(endpoints.map((endpoint) => endpoint.close()))
  }
  try {
    const access = { token: readToken, changes: { token: adminToken }, allowOrigins }
    const { port: bound } = await open({ address, port }, access)
    if (socket !== undefined) await open({ socket }, { token: null, changes: { token: null }, allowOrigins: [] })
    return { url: `http://${address === '::1' ? '[::1]' : address}:${bound}`, close }
  } catch (error) {
    await close()
    throw error
  }
}
