import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { isIPv4 } from 'node:net'
import { RefusedError } from '@millrace/core'
import { sendError } from './answer.ts'
import { URL_BYTES_MAX } from './limits.ts'

/** A host as a header names it: a name or address, and maybe a port, with any number (a tunnel may change it). */
const HOST = /^([a-z0-9.]+|\[::1\])(:(\d{1,5}))?$/i
const PORT_MAX = 65_535

/** Which clients may read what is served. */
export interface Access {
  /** The token that a request must show; null: none. */
  readonly token: string | null
  /** Web pages of these origins may read. */
  readonly allowOrigins: readonly string[]
  /** Who may change something, with POST; absent: no one. */
  readonly changes?: {
    /** The token that such a request must show in place of the other, and that may read too; null: none. */
    readonly token: string | null
  }
}

/** Passes to `answer` what may be answered, and rejects everything else. */
export function guarded(answer: RequestListener, access: Access): RequestListener {
  const { token, allowOrigins, changes } = access
  const readers = [token, changes?.token].flatMap((each) => (typeof each === 'string' ? digest(each) : []))
  const changers = typeof changes?.token === 'string' ? [digest(changes.token)] : []
  return (request, response) => {
    const refusal =
      refusalOf(request) ?? originRefusal(request, response, allowOrigins) ?? methodRefusal(request, access)
    if (refusal !== undefined) return sendError(response, refusal)
    if (request.method === 'OPTIONS') return void response.writeHead(204, PREFLIGHT_HEADERS).end()
    const accepted = request.method === 'POST' ? changers : readers
    if (accepted.length > 0 && !isOneOf(accepted, digest(bearer(request)))) {
      return sendError(response, tokenRefused(request))
    }
    answer(request, response)
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

function originAdvice(origin: string): string {
  const meant = originIn(origin)
  if (meant === origin) return `If they should, start the job with --allow-origin ${origin}`
  if (meant !== undefined) {
    return `No browser sends this as an origin. If the pages should read it, send ${meant}, and start the job with --allow-origin ${meant}`
  }
  return 'Only pages of a web server can be allowed, such as those of http://localhost:8080, and not files or sandboxed frames'
}

/** The request that a browser sends before it lets a page send the token. */
const PREFLIGHT_HEADERS = {
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': 'authorization, accept',
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
  allowOrigins: readonly string[],
): RefusedError | undefined {
  const { origin } = request.headers
  if (origin === undefined) return undefined
  if (!allowOrigins.includes(origin)) {
    return new RefusedError(
      'ORIGIN_REFUSED',
      `Web pages of ${JSON.stringify(origin)} may not read this job. ${originAdvice(origin)}`,
    )
  }
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', 'millrace-position, millrace-stale, retry-after')
  response.setHeader('vary', 'origin')
  return undefined
}

/** OPTIONS is for a browser that sends the request for a page, and pages only read. */
function methodRefusal(
  { method = '', headers: { origin } }: IncomingMessage,
  { changes }: Access,
): RefusedError | undefined {
  if (method === 'GET' || method === 'HEAD' || (method === 'OPTIONS' && origin !== undefined)) return undefined
  const mayChange = changes !== undefined && origin === undefined
  if (method === 'POST' && mayChange) return undefined
  const accepted = mayChange ? 'GET, HEAD or POST' : 'GET or HEAD'
  return new RefusedError('METHOD_REFUSED', `Method ${method} is not accepted. Use ${accepted}`)
}

function bearer({ headers }: IncomingMessage): string {
  return /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? ''
}

function tokenRefused({ headers }: IncomingMessage): RefusedError {
  const shown = headers.authorization === undefined ? 'has no token' : 'has another token than this job'
  return new RefusedError(
    'TOKEN_REFUSED',
    `The request ${shown}. Send the header "Authorization: Bearer <token>", with the token in the file "token" of the ` +
      "job's data directory",
  )
}

/** All of one length, whatever the token's length: comparing them takes the same time for every guess. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/**
 * Why a request is rejected before it is processed; undefined if it is accepted. Rejected are a `Host` that is not this
 * machine (a web page whose name was rebound to 127.0.0.1 sends its own), an overlong URL, and a target that is not a path
 * (an absolute one names a host besides the header).
 */
function refusalOf(request: IncomingMessage): RefusedError | undefined {
  const { url = '' } = request
  const hosts = request.headersDistinct['host'] ?? []
  const [host = ''] = hosts
  if (hosts.length !== 1 || !isThisMachine(host)) {
    return new RefusedError(
      'HOST_REFUSED',
      `The Host header is ${hosts.length > 1 ? 'given twice' : JSON.stringify(host)}. This server accepts localhost, ` +
        '127.0.0.1 and [::1]',
    )
  }
  if (url.length > URL_BYTES_MAX) {
    return new RefusedError('BAD_REQUEST', `The URL has ${url.length} bytes. The maximum is ${URL_BYTES_MAX}`)
  }
  if (!url.startsWith('/')) {
    return new RefusedError('BAD_REQUEST', `The request is for ${JSON.stringify(url)}. Give a path, such as /views`)
  }
  return undefined
}

/** Whether a browser or a tool on this machine reaches the machine itself by the name. */
function isThisMachine(host: string): boolean {
  const [, name = '', , port = '0'] = HOST.exec(host.toLowerCase()) ?? []
  const isLoopback = name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
  return isLoopback && Number(port) <= PORT_MAX
}
