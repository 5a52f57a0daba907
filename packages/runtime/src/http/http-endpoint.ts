import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import { type Env, RefusedError } from '@millrace/core'
import { answerBrokenRequests } from './broken-requests.ts'
import { limitAddresses } from './limit-addresses.ts'
import {
  CLOSE_GRACE_MS,
  CONNECTIONS_MAX,
  HEADER_BYTES_MAX,
  KEEP_ALIVE_MS,
  REQUEST_MS_MAX,
  SILENCE_MS_MAX,
} from './limits.ts'
import { OpenRequests } from './open-requests.ts'
import { cutSlowBody } from './slow-bodies.ts'
import type { TlsCertificate } from './tls-certificate.ts'

/** What one client's connections may cost the server. */
export interface ConnectionLimits {
  readonly connectionsMax: number
  /** Of one address; default: as many as of all. */
  readonly connectionsPerAddressMax: number
  readonly requestMsMax: number
  /** For a request to which the listener allows a long body. */
  readonly bodyMsMax: number
  readonly keepAliveMs: number
}

/** Where a server listens: on a port of an address of this machine, or on a socket in its file system. */
export type ListenPlace = { readonly address: string; readonly port: number } | { readonly socket: string }

/** One place where a server answers. */
export interface HttpEndpoint {
  /** The port that it got; 0 on a socket. */
  readonly port: number
  /** Connections that are made from now on get this certificate. Only for an endpoint with TLS. */
  renew(tls: TlsCertificate): void
  /** Waits a moment for answers on their way to finish, and frees the port or socket. */
  close(): Promise<void>
}

/** While a socket is made: only its owner may read and write it, so its mode is 0600. */
const OWNER_ONLY = 0o177

/** Listens, with TLS if there is a certificate, and answers with `listener`. Throws `ADDRESS_REFUSED` and `PORT_IN_USE`. */
export async function openEndpoint(
  place: ListenPlace,
  listener: RequestListener,
  env: Env,
  connections: Partial<ConnectionLimits> = {},
  tls?: TlsCertificate,
): Promise<HttpEndpoint> {
  const { connectionsMax = CONNECTIONS_MAX, requestMsMax = REQUEST_MS_MAX, keepAliveMs = KEEP_ALIVE_MS } = connections
  const { bodyMsMax = requestMsMax, connectionsPerAddressMax = connectionsMax } = connections
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: requestMsMax,
    requestTimeout: bodyMsMax,
    // By default Node checks every 30 s, and a slow client would have its socket for four times as long.
    connectionsCheckingInterval: requestMsMax / 10,
    keepAliveTimeout: keepAliveMs,
    keepAlive: true,
    keepAliveInitialDelay: SILENCE_MS_MAX,
    // The guard rejects a request without one, with a code.
    requireHostHeader: false,
  }
  const requests = new OpenRequests()
  const admitted: RequestListener = (request, response) => {
    if (!requests.admit(response)) return
    if (bodyMsMax > requestMsMax) cutSlowBody(request, requestMsMax, env.timers)
    listener(request, response)
  }
  const secured = tls && createTlsServer({ ...limits, ...contextOf(tls), handshakeTimeout: requestMsMax }, admitted)
  const server = secured ?? createServer(limits, admitted)
  answerBrokenRequests(server)
  // No body is wanted, so the server waits for none; Node's own interim answer can come in the middle of another answer.
  for (const event of ['checkContinue', 'checkExpectation']) {
    server.on(event, (request, response) => server.emit('request', request, response))
  }
  server.maxConnections = connectionsMax
  if (connectionsPerAddressMax < connectionsMax) limitAddresses(server, connectionsPerAddressMax)
  // Each unanswered request of a connection listens for the connection's end.
  server.on(secured === undefined ? 'connection' : 'secureConnection', (socket: Socket) => socket.setMaxListeners(0))
  const handshakes = secured === undefined ? new Set<Socket>() : handshakesOf(secured)
  const port = await listen(server, place)
  return {
    port,
    renew: (renewed) => secured?.setSecureContext(contextOf(renewed)),
    close: () => closeServer(server, requests, handshakes, env),
  }
}

function contextOf({ certificate, key }: TlsCertificate): SecureContextOptions {
  return { cert: certificate, key, minVersion: 'TLSv1.2' }
}

/** The connections of a server that may not have finished their handshake yet: `closeAllConnections` does not know them. */
function handshakesOf(server: TlsServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

function listen(server: Server, place: ListenPlace): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(place, cause)))
    const listening = () => {
      server.removeAllListeners('error')
      const bound = server.address()
      resolve(typeof bound === 'object' && bound !== null ? bound.port : 0)
    }
    if ('address' in place) server.listen(place.port, place.address, listening)
    else listenOnSocket(server, place.socket, listening)
  })
}

/** Binding makes the file, in this call: the file never exists with another mode. */
function listenOnSocket(server: Server, path: string, listening: () => void): void {
  const before = process.umask(OWNER_ONLY)
  try {
    server.listen(path, listening)
  } finally {
    process.umask(before)
  }
}

function listenError(place: ListenPlace, cause: NodeJS.ErrnoException): RefusedError {
  if ('socket' in place) {
    return new RefusedError(
      'ADDRESS_REFUSED',
      `Cannot listen on the socket ${place.socket}: ${cause.message}. Choose a data directory on a file system that supports sockets`,
      { file: place.socket, cause },
    )
  }
  const { address, port } = place
  if (cause.code === 'EADDRINUSE') {
    return new RefusedError(
      'PORT_IN_USE',
      `Port ${port} on ${address} is in use by another program. Stop it, or choose another port (0 for any free port)`,
      { cause },
    )
  }
  return new RefusedError(
    'ADDRESS_REFUSED',
    `Cannot listen on ${address}, port ${port}: ${cause.message}. Choose another port (0 for any free port)`,
    { cause },
  )
}

function closeServer(server: Server, requests: OpenRequests, handshakes: ReadonlySet<Socket>, env: Env): Promise<void> {
  return new Promise((resolve) => {
    const cut = () => {
      graceTimer.cancel()
      server.close(() => resolve())
      // Browsers open connections ahead of requests, which `close` would wait for.
      server.closeAllConnections()
      for (const socket of handshakes) socket.destroy()
    }
    const graceTimer = env.timers.after(CLOSE_GRACE_MS, cut)
    // `close` comes after the answers: it cuts connections on which an answer is still on its way to the client.
    requests.whenNone(cut)
  })
}
