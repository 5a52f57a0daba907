import { type Env, type JobStatus, RefusedError } from '@millrace/core'
import { answerUnreadable } from '../http/answer.ts'
import type { ConnectionLimits, HttpEndpoint, ListenPlace } from '../http/http-endpoint.ts'
import { loopbackAddress, urlHost } from '../http/listen-address.ts'
import { Places } from '../http/places.ts'
import { guarded, requireOrigins } from '../http/request-guard.ts'
import { SOCKET_SCHEME } from '../http/socket-scheme.ts'
import { AnswerRooms } from './answer-room.ts'
import { WAITS_MAX } from './limits.ts'
import { QueryBudget, tooManyWaits } from './query-budget.ts'
import type { ServedView } from './served-view.ts'

/** What a view server serves, where, and to which clients. */
export interface ViewServerOptions {
  /** The job's name. */
  readonly job: string
  /** The job's views. Their parts are looked up at each request, so parts may be added and removed. */
  readonly views: readonly ServedView[]
  /** What `/status` answers. */
  readonly status: () => JobStatus
  readonly env: Env
  /** `localhost`, `::1` or `127.x.x.x`. Default `127.0.0.1`. */
  readonly host?: string
  /** The port; 0, the default, takes a free one. */
  readonly port?: number
  /**
   * What a request to the port must show as `Authorization: Bearer <token>`. Every user of this machine can reach the port,
   * so null lets every one of them read all views.
   */
  readonly token: string | null
  /**
   * Where to serve the views on a Unix domain socket too: a path that does not exist yet, of at most about 100 bytes. Only
   * this user may connect to it, so it requires no token. Default: no socket.
   */
  readonly socket?: string
  /** Origins of web pages that may read the views, such as `https://ops.example.com`. Default: none. */
  readonly allowOrigins?: readonly string[]
  /** How many sockets, and how long; default: `limits.ts`. */
  readonly limits?: Partial<ConnectionLimits>
}

/** A server that answers queries of views. */
export interface ViewServer {
  /** The server's URL: `http://127.0.0.1:4711`. */
  readonly url: string
  /**
   * Where the other processes of the job send their queries: `unix:` and the socket's path, so that no request with the
   * token goes to a port that another program has taken since; without a socket, the URL.
   */
  readonly address: string
  /** Ends waits and streams, lets answers on their way finish, and frees the port. Further calls have no further effect. */
  close(): Promise<void>
}

/**
 * Serves a job's views over HTTP on this machine: only committed state, every answer with the position that it reflects.
 * Resolves once it listens. Throws `ADDRESS_REFUSED` for an address that is not loopback or on which it cannot listen,
 * `PORT_IN_USE`, and `BAD_REQUEST` for an invalid origin.
 */
export async function startViewServer(options: ViewServerOptions): Promise<ViewServer> {
  const { job, views, status, env, host = '127.0.0.1', port = 0, token, socket, allowOrigins = [] } = options
  const address = viewAddress(host)
  requireOrigins(allowOrigins)
  const closing = new AbortController()
  // Loaded only now: these modules take as long to load as everything else that a job needs, and many jobs serve no views.
  const [{ openEndpoint }, { getRequestListener }, { viewRoutes }] = await Promise.all([
    import('../http/http-endpoint.ts'),
    import('@hono/node-server'),
    import('./view-routes.ts'),
  ])
  const budget = new QueryBudget(env.timers)
  const hereBudget = new QueryBudget(env.timers)
  const rooms = new AnswerRooms()
  const waits = new Places(WAITS_MAX, tooManyWaits)
  const { fetch } = viewRoutes({
    job,
    views,
    status,
    env,
    token,
    closing: closing.signal,
    budget,
    hereBudget,
    waits,
    rooms,
  })
  // The globals belong to the job that runs in this process.
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false, errorHandler: answerUnreadable })
  const endpoints: HttpEndpoint[] = []
  const close = async () => {
    closing.abort()
    await Promise.all(endpoints.map((endpoint) => endpoint.close()))
  }
  const open = async (place: ListenPlace, listenerToken: string | null) => {
    const access = { server: 'job', token: listenerToken, allowOrigins, allowHosts: [] } as const
    const listener = guarded(answer, access, env.clock)
    const endpoint = await openEndpoint(place, listener, env, options.limits)
    endpoints.push(endpoint)
    return endpoint
  }
  try {
    const { port: bound } = await open({ address, port }, token)
    if (socket !== undefined) await open({ socket }, null)
    let closed: Promise<void> | undefined
    const url = `http://${urlHost(address)}:${bound}`
    return {
      url,
      address: socket === undefined ? url : `${SOCKET_SCHEME}${socket}`,
      close() {
        closed ??= close()
        return closed
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Only this machine itself: without TLS, others could read the token and every answer on the way. */
function viewAddress(host: string): string {
  const address = loopbackAddress(host)
  if (address !== undefined) return address
  throw new RefusedError(
    'ADDRESS_REFUSED',
    `The view server listens only on addresses of this machine, not on ${JSON.stringify(host)}, because it has no TLS. ` +
      'Listen on 127.0.0.1, and reach the views from another machine through a node ("millrace up --host") or an SSH tunnel',
  )
}
