import { formatPosition, type Position } from '@millrace/core'
import { type ErrorBody, errorBody, statusOf } from './http-error.ts'
import { POSITION_HEADER_BYTES_MAX } from './limits.ts'
import type { HttpContext } from './route-sources.ts'

/** The header that says which position an answer reflects; the body says it too. */
const POSITION_HEADER = 'millrace-position'

const HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

/** Answers with JSON text, and with the position that it reflects in the header. */
export function answer(c: HttpContext, json: string, position?: Position): Response {
  return c.body(json, 200, { ...HEADERS, ...positionHeader(position) })
}

/** Answers with an error: its code, its message, and the position of what it is about, with what else is known of that. */
export function answerError(
  c: HttpContext,
  error: unknown,
  position?: Position,
  more: { readonly completeFrom?: string } = {},
): Response {
  const body: ErrorBody = { ...errorBody(error), ...(position && { position: formatPosition(position) }), ...more }
  const allow = body.code === 'METHOD_REFUSED' && { allow: 'GET' }
  return c.body(JSON.stringify(body), statusOf(body.code), { ...HEADERS, ...allow, ...positionHeader(position) })
}

function positionHeader(position: Position | undefined): Record<string, string> {
  const text = position && formatPosition(position)
  return text === undefined || text.length > POSITION_HEADER_BYTES_MAX ? {} : { [POSITION_HEADER]: text }
}
