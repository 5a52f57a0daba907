import { type Clock, type Env, RefusedError } from '@millrace/core'
import { answerUnreadable } from '../http/answer.ts'
import type { ConnectionLimits, HttpEndpoint, ListenPlace } from '../http/http-endpoint.ts'
import { CONNECTIONS_PER_ADDRESS_MAX } from '../http/limits.ts'
import { anyAddress, isWildcard, loopbackAddress, urlHost } from '../http/listen-address.ts'
import { type Access, guarded, hostNamed, requireOrigins } from '../http/request-guard.ts'
import { requireValid, type TlsCertificate } from '../http/tls-certificate.ts'
import { FORWARD_SILENCE_MS_MAX, UPLOAD_MS_MAX } from './limits.ts'
import type { NodeSources } from './node-sources.ts'

/** What a node's server serves, where, and to which clients. */
export interface NodeServerOptions extends Omit<NodeSources, 'closing' | 'timers' | 'forwardSilenceMsMax'> {
  readonly env: Env
  /** `localhost`, `::1`, `127.x.x.x`, or, with `tls`, any address of this machine. Default `127.0.0.1`. */
  readonly host?: string
  /** The port; 0 takes a free one. */
  readonly port: number
  /** What the port answers with TLS. Default: it answers without. */
  readonly tls?: TlsCertificate
  /** The token for reading through the port. */
  readonly readToken: string
  /** The token for changes through the port; it may also read. */
  readonly adminToken: string
  /** The path of a Unix domain socket. Only this user may connect to it, so it requires no token. Default: no socket. */
  readonly socket?: string
  /** Origins of web pages that may read. Default: none. */
  readonly allowOrigins?: readonly string[]
  /** Names by which clients may call the node, besides those of this machine and the address `host`. Default: none. */
  readonly allowHosts?: readonly string[]
  /** What its connections may cost; default: `limits.ts`. */
  readonly limits?: Partial<NodeLimits>
}

/** What the connections of a node's server may cost. */
export interface NodeLimits extends ConnectionLimits {
  /** How long a container may be silent to which a request was passed on. */
  readonly forwardSilenceMsMax: number
}

/** The server of a node. */
export interface NodeServer {
  /** The server's URL: `http://127.0.0.1:4700`. */
  readonly url: string
  /**
   * Connections that are made from now on get this certificate. Throws `CERTIFICATE_INVALID`, and keeps the present one; and
   * `UNSUPPORTED` for a server without TLS.
   */
  renew(tls: TlsCertificate): void
  /** Lets answers on their way finish, and frees the port and the socket. */
  close(): Promise<void>
}

/**
 * Serves a node over HTTP. Resolves once it listens. Throws `ADDRESS_REFUSED` for another address than loopback without TLS and
 * tokens, `CERTIFICATE_INVALID`, `PORT_IN_USE`, and `BAD_REQUEST` for an invalid origin or host.
 */
export async function startNodeServer(options: NodeServerOptions): Promise<NodeServer> {
  checkNodeServer(options)
  const { env, port, tls, readToken, adminToken, socket, allowOrigins = [], node, about } = options
  const { forwardSilenceMsMax = FORWARD_SILENCE_MS_MAX, ...chosen } = options.limits ?? {}
  const address = nodeAddress(options)
  const isRemote = loopbackAddress(address) === undefined
  const limits = {
    // Only an artefact may take so long.
    bodyMsMax: UPLOAD_MS_MAX,
    ...(isRemote && { connectionsPerAddressMax: CONNECTIONS_PER_ADDRESS_MAX }),
    ...chosen,
  }
  const names = (options.allowHosts ?? []).map(requiredHost)
  const closing = new AbortController()
  const [{ openEndpoint }, { getRequestListener }, { nodeRoutes }] = await Promise.all([
    import('../http/http-endpoint.ts'),
    import('@hono/node-server'),
    import('./node-routes.ts'),
  ])
  const { fetch } = nodeRoutes({ node, about, timers: env.timers, closing: closing.signal, forwardSilenceMsMax })
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false, errorHandler: answerUnreadable })
  const endpoints: HttpEndpoint[] = []
  const open = async (place: ListenPlace, access: Access, certificate?: TlsCertificate) => {
    const endpoint = await openEndpoint(place, guarded(answer, access, env.clock), env, limits, certificate)
    endpoints.push(endpoint)
    return endpoint
  }
  const close = async () => {
    closing.abort()
    await Promise.all(endpoints.map((endpoint) => endpoint.close()))
  }
  try {
    const own = isWildcard(address) ? [] : [urlHost(address)]
    const access = { server: 'node', allowOrigins, allowHosts: [...own, ...names] } as const
    const tokens = { token: readToken, changes: { token: adminToken } }
    const endpoint = await open({ address, port }, { ...access, ...tokens }, tls)
    if (socket !== undefined) {
      await open(
        { socket },
        { server: 'node', token: null, changes: { token: null }, allowOrigins: [], allowHosts: [] },
      )
    }
    const name = isWildcard(address) ? (names[0] ?? 'localhost') : urlHost(address)
    return {
      url: `${tls === undefined ? 'http' : 'https'}://${name}:${endpoint.port}`,
      renew: (renewed) => renew(endpoint, renewed, tls !== undefined, env.clock),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** What a server is started with, as far as it can be checked before. */
export type NodeServerChecks = Pick<
  NodeServerOptions,
  'env' | 'host' | 'tls' | 'readToken' | 'adminToken' | 'allowOrigins' | 'allowHosts'
>

/** Throws what `startNodeServer` would throw before it listens. */
export function checkNodeServer(options: NodeServerChecks): void {
  const { env, tls, allowOrigins = [], allowHosts = [] } = options
  nodeAddress(options)
  requireOrigins(allowOrigins)
  for (const name of allowHosts) requiredHost(name)
  if (tls !== undefined) requireValid(tls, env.clock.now())
}

function renew(endpoint: HttpEndpoint, tls: TlsCertificate, isSecured: boolean, clock: Clock): void {
  if (!isSecured) throw new RefusedError('UNSUPPORTED', 'The node was started without TLS. Start it with a certificate')
  requireValid(tls, clock.now())
  endpoint.renew(tls)
}

/** Other machines could read the tokens and every answer on the way without TLS, and change everything without tokens. */
function nodeAddress({ host = '127.0.0.1', tls, readToken, adminToken }: NodeServerChecks): string {
  const loopback = loopbackAddress(host)
  if (loopback !== undefined) return loopback
  if (tls !== undefined && readToken !== '' && adminToken !== '') return anyAddress(host)
  throw new RefusedError(
    'ADDRESS_REFUSED',
    `The node listens on ${JSON.stringify(host)}, which other machines may reach, only with TLS and tokens. Give a certificate and ` +
      'its key (--tls-cert <file> --tls-key <file>), or listen on 127.0.0.1 and use an SSH tunnel',
  )
}

function requiredHost(host: string): string {
  const named = hostNamed(host)
  if (named !== undefined && named === host.toLowerCase()) return named
  throw new RefusedError(
    'BAD_REQUEST',
    `${JSON.stringify(host)} is not the name of a host. Give a name or an address, without a scheme and a port, such as ` +
      'node1.example.com',
  )
}
