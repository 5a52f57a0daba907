import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { formatPosition, type MillraceError, type Position, RefusedError } from '@millrace/core'
import type { HttpContext } from './http-context.ts'
import { type ErrorBody, errorBody, statusOf } from './http-error.ts'
import { POSITION_HEADER_BYTES_MAX, RETRY_AFTER_S } from './limits.ts'

/** The header with the position that an answer reflects; the body has it too. */
const POSITION_HEADER = 'millrace-position'

/** The header with the parts that come from standbys; the body has them too. */
const STALE_HEADER = 'millrace-stale'

const HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

/** What an answer may hold of the memory that answers share. */
export interface AnswerShare {
  readonly bytes: number
  /** The answer holds this many bytes now. Throws if that is more than there is. */
  holds(bytes: number): void
  /** The answer is sent with this many bytes. */
  answers(bytes: number): void
}

/** The fields of an answer about its parts. */
export interface PartsFields {
  /** Those that it is about, if it is not about all. */
  readonly parts?: readonly number[]
  /** Those that come from standbys, and may be behind. */
  readonly stale?: readonly number[]
}

/**
 * Answers with JSON text, and with the position that it reflects, as text, in the header. From here on the share is
 * what the answer holds: throws if that is more than there is.
 *
 * The answer goes straight to Node's response: a `Response` around its bytes costs as much as the rest of a small answer.
 */
export function answer(
  { env }: HttpContext,
  json: string,
  position?: string,
  share?: AnswerShare,
  stale?: readonly number[],
): Response {
  // A character of text may take two bytes, and up to three in the answer.
  share?.holds(Math.max(share.bytes, 3 * json.length))
  const bytes = Buffer.from(json)
  share?.answers(bytes.length)
  const headers = { ...HEADERS, ...positionHeader(position), ...staleHeader(stale), 'content-length': bytes.length }
  env.outgoing.writeHead(200, headers).end(bytes)
  return RESPONSE_ALREADY_SENT
}

/** Answers with an error: its code, its message, the position of what it is about, and what else is known about that. */
export function answerError(
  c: HttpContext,
  error: unknown,
  position?: Position,
  more: PartsFields & { readonly completeFrom?: string } = {},
): Response {
  const text = position && formatPosition(position)
  const body: ErrorBody = { ...errorBody(error), ...(text !== undefined && { position: text }), ...more }
  return c.body(JSON.stringify(body), statusOf(body.code), {
    ...errorHeaders(body),
    ...positionHeader(text),
    ...staleHeader(more.stale),
  })
}

/** As `answerError`, for a request that matches no route; with more headers. */
export function sendError(
  response: ServerResponse,
  error: MillraceError,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = errorBody(error)
  const bytes = Buffer.from(JSON.stringify(body))
  const all = { ...errorHeaders(body), ...headers, 'content-length': bytes.length }
  response.writeHead(statusOf(body.code), all).end(bytes)
}

/** As `answerError`, for a request whose URL cannot be read. */
export function answerUnreadable(cause: unknown): Response {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const body = errorBody(new RefusedError('BAD_REQUEST', `The request cannot be read: ${reason}`, { cause }))
  return new Response(JSON.stringify(body), { status: statusOf(body.code), headers: errorHeaders(body) })
}

function errorHeaders({ code }: ErrorBody): Record<string, string> {
  return {
    ...HEADERS,
    ...(code === 'TOKEN_REFUSED' && { 'www-authenticate': 'Bearer' }),
    ...(statusOf(code) === 503 && { 'retry-after': `${RETRY_AFTER_S}` }),
  }
}

function staleHeader(parts: readonly number[] | undefined): Record<string, string> {
  return parts === undefined ? {} : { [STALE_HEADER]: parts.join(',') }
}

function positionHeader(text: string | undefined): Record<string, string> {
  return text === undefined || text.length > POSITION_HEADER_BYTES_MAX ? {} : { [POSITION_HEADER]: text }
}
