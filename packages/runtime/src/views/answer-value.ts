import { formatPosition, RefusedError } from '@millrace/core'
import { answer, answerError } from './answer.ts'
import { completeness } from './completeness.ts'
import { VALUE_RESERVED_BYTES } from './limits.ts'
import { badRequest, parseQuery, required, timeMs } from './query-parameters.ts'
import { findValue } from './read-view.ts'
import type { HttpContext, RouteSources } from './route-sources.ts'
import type { ServedView } from './served-view.ts'
import {
  budgetOf,
  keyParameter,
  PARTS_PARAMETER,
  queriedParts,
  requireFound,
  requireReflected,
  WAIT_PARAMETERS,
  waitAsRequested,
} from './view-request.ts'

/** `GET /views/:view/value`: the value of one key, or of one key and window. */
export async function answerValue(c: HttpContext, sources: RouteSources, view: ServedView): Promise<Response> {
  const query = parseQuery(c.req.url, ['key', 'window', PARTS_PARAMETER, ...WAIT_PARAMETERS])
  const key = keyParameter(view, 'key', required(query, 'key', 'the key whose value is wanted'))
  const window = windowAt(view, timeMs(query, 'window'))
  const client = c.req.raw.signal
  const wanted = await waitAsRequested(view, sources, query, client)
  const share = await budgetOf(sources, query).admit(c.env.outgoing, VALUE_RESERVED_BYTES)
  const queried = queriedParts(view, sources, query, client)
  const { value, position } = await findValue(view, key, window?.start, [...queried.here, ...queried.remote])
  // If the value is found here, no other part is needed.
  if (value === undefined) requireFound(queried)
  requireReflected(view, wanted, position)
  const more = { ...completeness(view), ...queried.answerFields }
  if (value === undefined) {
    return answerError(c, valueMissing(view, query.get('key'), window?.start), position, more)
  }
  const entry = { key: view.key.toJson(key), ...(window && { window }), value }
  const json = JSON.stringify({ ...entry, position: formatPosition(position), ...more })
  return answer(c, json, position, share)
}

function windowAt(view: ServedView, start: number | undefined) {
  const { windowMs } = view
  if (windowMs !== undefined && start !== undefined) return { start, end: start + windowMs }
  if (windowMs === undefined && start === undefined) return undefined
  throw windowMs === undefined
    ? badRequest('window', `view "${view.name}" has no windows; leave window out`)
    : badRequest(
        'window',
        `missing: view "${view.name}" has windows; give the window's start in ms since the epoch, or ask /windows for all of the key's`,
      )
}

function valueMissing(view: ServedView, key: string | undefined, windowStart: number | undefined): RefusedError {
  const window = windowStart === undefined ? '' : ` in the window that starts at ${windowStart}`
  return new RefusedError('VALUE_MISSING', `view "${view.name}" has no value for key ${JSON.stringify(key)}${window}`, {
    store: view.name,
  })
}
