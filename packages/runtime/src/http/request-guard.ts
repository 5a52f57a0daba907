import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { isIPv4 } from 'node:net'
import { type Clock, RefusedError, RetriableError } from '@millrace/core'
import { sendError } from './answer.ts'
import { URL_BYTES_MAX } from './limits.ts'
import { TokenFailures } from './token-failures.ts'

/** A host as a header names it: a name or address, and maybe a port, with any number (a tunnel may change it). */
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:(\d{1,5}))?$/
/** A path with segments `.` or `..`, as they are or encoded, a backslash or a fragment: URL parsers read it as another path. */
const AMBIGUOUS_PATH = /\/(\.|%2e){1,2}(\/|$)|[\\#]/i
const PORT_MAX = 65_535

/** Which clients may read what is served. */
export interface Access {
  /** What answers: messages name it. */
  readonly server: 'job' | 'node'
  /** The token that a request must show; null: none. */
  readonly token: string | null
  /** Web pages of these origins may read. */
  readonly allowOrigins: readonly string[]
  /** Hosts by which clients may call the server, besides those that name this machine; as `hostNamed` returns them. */
  readonly allowHosts: readonly string[]
  /** Who may change something, with POST; absent: no one. */
  readonly changes?: {
    /** The token that such a request must show in place of the other, and that may read too; null: none. */
    readonly token: string | null
  }
}

/**
 * Passes to `answer` what may be answered, and rejects everything else. A request with a right token is always answered,
 * however many with a wrong one came before it, from whichever address.
 */
export function guarded(answer: RequestListener, access: Access, clock: Clock): RequestListener {
  const { token, changes } = access
  const failures = new TokenFailures(clock)
  const readers = [token, changes?.token].flatMap((each) => (typeof each === 'string' ? digest(each) : []))
  const changers = typeof changes?.token === 'string' ? [digest(changes.token)] : []
  return (request, response) => {
    const refusal = refusalOf(request, access) ?? originRefusal(request, response, access)
    if (refusal !== undefined) return sendError(response, refusal)
    const accepted = acceptedMethods(request, access)
    if (!accepted.includes(request.method ?? '')) {
      return sendError(response, methodRefused(request, accepted), { allow: accepted.join(', ') })
    }
    if (request.method === 'OPTIONS') return void response.writeHead(204, PREFLIGHT_HEADERS).end()
    const tokens = request.method === 'POST' ? changers : readers
    const shown = bearer(request)
    if (tokens.length === 0 || (shown !== '' && isOneOf(tokens, digest(shown)))) return answer(request, response)
    const waitS = request.headers.authorization === undefined ? 0 : failures.count(request.socket.remoteAddress ?? '')
    if (waitS === 0) return sendError(response, tokenRefused(request, access))
    // Each further guess costs its client a new connection.
    sendError(response, tooManyFailures(waitS), { 'retry-after': `${waitS}`, connection: 'close' })
  }
}

/** Compares with each, so that the time does not depend on which of them it is. */
function isOneOf(accepted: readonly Buffer[], shown: Buffer): boolean {
  return accepted.map((each) => timingSafeEqual(each, shown)).includes(true)
}

/** Throws `BAD_REQUEST` for text that no browser sends as an origin: it would never match. */
export function requireOrigins(origins: readonly string[]): void {
  for (const origin of origins) {
    const meant = originIn(origin)
    if (meant === origin) continue
    throw new RefusedError(
      'BAD_REQUEST',
      `${JSON.stringify(origin)} is not the origin of a web page. Give a scheme, a host and perhaps a port, such as ` +
        `${meant ?? 'https://ops.example.com'}`,
    )
  }
}

/** The origin of an address as browsers write it; undefined if it has none, as files have. */
function originIn(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined
  const { origin } = new URL(address)
  return origin === 'null' ? undefined : origin
}

function originAdvice(origin: string, server: string): string {
  const meant = originIn(origin)
  if (meant === origin) return `If they should, start the ${server} with --allow-origin ${origin}`
  if (meant !== undefined) {
    return `No browser sends this as an origin. If the pages should read it, send ${meant}, and start the ${server} with --allow-origin ${meant}`
  }
  return 'Only pages of a web server can be allowed, such as those of http://localhost:8080, and not files or sandboxed frames'
}

/** The request that a browser sends before it lets a page send the token. */
const PREFLIGHT_HEADERS = {
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': 'authorization, accept, last-event-id',
  'access-control-allow-private-network': 'true',
  'access-control-max-age': '600',
}

/**
 * A browser names the page that makes the request. A page of an origin that is not allowed gets no answer at all: not only
 * does the browser keep the answer from the page, the server makes no query for it.
 */
function originRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  { allowOrigins, server }: Access,
): RefusedError | undefined {
  const { origin } = request.headers
  if (origin === undefined) return undefined
  if (!allowOrigins.includes(origin)) {
    return new RefusedError(
      'ORIGIN_REFUSED',
      `Web pages of ${JSON.stringify(origin)} may not read this ${server}. ${originAdvice(origin, server)}`,
    )
  }
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', 'millrace-position, millrace-stale, retry-after')
  response.setHeader('vary', 'origin')
  return undefined
}

/** OPTIONS is for a browser that sends the request for a page, and pages only read. */
function acceptedMethods({ headers: { origin } }: IncomingMessage, { changes }: Access): readonly string[] {
  if (origin !== undefined) return ['GET', 'HEAD', 'OPTIONS']
  return changes === undefined ? ['GET', 'HEAD'] : ['GET', 'HEAD', 'POST']
}

function methodRefused({ method }: IncomingMessage, accepted: readonly string[]): RefusedError {
  return new RefusedError('METHOD_REFUSED', `Method ${method} is not accepted. Use ${accepted.join(', ')}`)
}

function bearer({ headers }: IncomingMessage): string {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? ''
}

function tokenRefused({ headers, method }: IncomingMessage, { server }: Access): RefusedError {
  const shown = headers.authorization === undefined ? 'has no token' : `has another token than this ${server}`
  const file = method === 'POST' ? 'admin-token' : 'token'
  return new RefusedError(
    'TOKEN_REFUSED',
    `The request ${shown}. Send the header "Authorization: Bearer <token>", with the token in the file "${file}" of the ` +
      `${server}'s data directory`,
  )
}

function tooManyFailures(waitS: number): RetriableError {
  return new RetriableError(
    'TOO_MANY_FAILURES',
    `Too many requests had a wrong token. Send the right one, or wait ${waitS} s before the next try`,
  )
}

/** All of one length, whatever the token's length: comparing them takes the same time for every guess. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/**
 * Why a request is rejected before it is processed; undefined if it is accepted. Rejected are a `Host` that is not this
 * machine (a web page whose name was rebound to its address sends its own), an overlong URL, and a target that is not a path, or
 * that could be read as two paths (an absolute one names a host besides the header).
 */
function refusalOf(request: IncomingMessage, { allowHosts, server }: Access): RefusedError | undefined {
  const { url = '' } = request
  const hosts = request.headersDistinct['host'] ?? []
  const [host = ''] = hosts
  const named = hostNamed(host)
  if (hosts.length !== 1 || named === undefined || !(isThisMachine(named) || allowHosts.includes(named))) {
    const others = allowHosts.length === 0 ? '' : `, ${allowHosts.join(', ')}`
    return new RefusedError(
      'HOST_REFUSED',
      `The Host header is ${hosts.length > 1 ? 'given twice' : JSON.stringify(host)}. This server accepts localhost, ` +
        `127.0.0.1 and [::1]${others}${server === 'node' ? '. Start the node with --allow-host to accept another' : ''}`,
    )
  }
  if (url.length > URL_BYTES_MAX) {
    return new RefusedError('BAD_REQUEST', `The URL has ${url.length} bytes. The maximum is ${URL_BYTES_MAX}`)
  }
  if (!url.startsWith('/') || AMBIGUOUS_PATH.test(url.replace(/\?.*$/s, ''))) {
    return new RefusedError('BAD_REQUEST', `The request is for ${JSON.stringify(url)}. Give a path, such as /views`)
  }
  return undefined
}

/** Whether a browser or a tool on this machine reaches the machine itself by the name. */
function isThisMachine(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
}

/** The name or address in a `Host` header, in lower case and without the port; undefined if it is not a host. */
export function hostNamed(host: string): string | undefined {
  const [, name, , port = '0'] = HOST.exec(host.toLowerCase()) ?? []
  return name === undefined || Number(port) > PORT_MAX ? undefined : name
}
