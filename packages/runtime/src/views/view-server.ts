import type { Server } from 'node:http'
import type { JobStatus } from '@millrace/core'
import { type Env, RefusedError } from '@millrace/core'
import { sendError } from './answer.ts'
import { answerBrokenRequests } from './broken-requests.ts'
import {
  CLOSE_GRACE_MS,
  CONNECTIONS_MAX,
  HEADER_BYTES_MAX,
  KEEP_ALIVE_MS,
  REQUEST_MS_MAX,
  WAITS_MAX,
} from './limits.ts'
import { loopbackAddress } from './listen-address.ts'
import { Places } from './places.ts'
import { QueryBudget, tooManyWaits } from './query-budget.ts'
import { refusalOf } from './request-guard.ts'
import type { ServedView } from './served-view.ts'

export interface ViewServerOptions {
  /** The job's name. */
  readonly job: string
  /** The job's views. Their parts are looked up at each request, so they may come and go. */
  readonly views: readonly ServedView[]
  /** What `/status` answers. */
  readonly status: () => JobStatus
  readonly env: Env
  /** `localhost`, `::1` or `127.x.x.x`. Default `127.0.0.1`. */
  readonly host?: string
  /** 0, the default, takes a free one. */
  readonly port?: number
  /** How many sockets, and how long; default: `limits.ts`. */
  readonly limits?: Partial<ConnectionLimits>
}

/** What one client's connections may cost the server. */
export interface ConnectionLimits {
  readonly connectionsMax: number
  readonly requestMsMax: number
  readonly keepAliveMs: number
}

export interface ViewServer {
  /** Where it answers: `http://127.0.0.1:4711`. */
  readonly url: string
  /** Ends waits and streams, lets answers on their way finish, and frees the port. Calling it again does no more. */
  close(): Promise<void>
}

/**
 * Serves a job's views over HTTP on this machine: only committed state, every answer with the position that it
 * reflects. Resolves once it listens. Throws `ADDRESS_REFUSED` for an address that is not loopback or cannot be listened
 * on, and `PORT_IN_USE`.
 */
export async function startViewServer(options: ViewServerOptions): Promise<ViewServer> {
  const { job, views, status, env, host = '127.0.0.1', port = 0 } = options
  const address = loopbackAddress(host)
  const closing = new AbortController()
  // Only now: they take as long to load as everything else that a job needs, and many serve no views.
  const [{ createServer }, { getRequestListener }, { viewRoutes }] = await Promise.all([
    import('node:http'),
    import('@hono/node-server'),
    import('./view-routes.ts'),
  ])
  const budget = new QueryBudget(env.timers)
  const waits = new Places(WAITS_MAX, tooManyWaits)
  const { fetch } = viewRoutes({ job, views, status, env, closing: closing.signal, budget, waits })
  const {
    connectionsMax = CONNECTIONS_MAX,
    requestMsMax = REQUEST_MS_MAX,
    keepAliveMs = KEEP_ALIVE_MS,
  } = options.limits ?? {}
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: requestMsMax,
    requestTimeout: requestMsMax,
    // Node looks every 30 s unless told otherwise, and a slow client would have its socket for four times as long.
    connectionsCheckingInterval: requestMsMax / 10,
    keepAliveTimeout: keepAliveMs,
    // A request without one is refused here, with a code.
    requireHostHeader: false,
  }
  // The globals belong to the job that runs in this process.
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false })
  const server = createServer(limits, (request, response) => {
    const refusal = refusalOf(request)
    if (refusal === undefined) void answer(request, response)
    else sendError(response, refusal)
  })
  answerBrokenRequests(server)
  server.maxConnections = connectionsMax
  const requests = new RequestCount(server)
  const boundPort = await listen(server, address, port)
  let closed: Promise<void> | undefined
  return {
    url: `http://${address === '::1' ? '[::1]' : address}:${boundPort}`,
    close() {
      closing.abort()
      closed ??= closeServer(server, requests, env)
      return closed
    },
  }
}

function listen(server: Server, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(address, port, cause)))
    server.listen(port, address, () => {
      server.removeAllListeners('error')
      const bound = server.address()
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port)
    })
  })
}

function listenError(address: string, port: number, cause: NodeJS.ErrnoException): RefusedError {
  if (cause.code === 'EADDRINUSE') {
    return new RefusedError(
      'PORT_IN_USE',
      `port ${port} on ${address} is taken by another program; stop it, or choose another port (0 takes a free one)`,
      { cause },
    )
  }
  return new RefusedError(
    'ADDRESS_REFUSED',
    `cannot listen on ${address}, port ${port}: ${cause.message}; choose another port (0 takes a free one)`,
    { cause },
  )
}

/** Counts the requests that are being answered. */
class RequestCount {
  #requests = 0
  #onNone = () => {}

  constructor(server: Server) {
    server.on('request', (_request, response) => {
      this.#requests++
      response.once('close', () => {
        this.#requests--
        if (this.#requests === 0) this.#onNone()
      })
    })
  }

  /** Calls back once no request is being answered; at once where none is. */
  whenNone(callback: () => void): void {
    this.#onNone = callback
    if (this.#requests === 0) callback()
  }
}

function closeServer(server: Server, requests: RequestCount, env: Env): Promise<void> {
  return new Promise((resolve) => {
    const cut = () => {
      patience.cancel()
      server.close(() => resolve())
      // Browsers open connections ahead of requests, which `close` would wait for.
      server.closeAllConnections()
    }
    const patience = env.timers.after(CLOSE_GRACE_MS, cut)
    // `close` comes after the answers: it cuts connections on which an answer is still on its way to the client.
    requests.whenNone(cut)
  })
}
