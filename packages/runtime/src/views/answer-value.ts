import { formatPosition, RefusedError } from '@millrace/core'
import { hasWindows } from '@millrace/core/internal'
import { answer, answerError } from '../http/answer.ts'
import type { HttpContext } from '../http/http-context.ts'
import { badRequest, parseQuery, required, timeMs } from '../http/query-parameters.ts'
import { completeness } from './completeness.ts'
import { findEntry } from './read-view.ts'
import type { RouteSources } from './route-sources.ts'
import type { ServedView } from './served-view.ts'
import { answerFrom, refuseStaleWait, STALE_PARAMETER } from './stale-answer.ts'
import {
  budgetOf,
  keyParameter,
  PARTS_PARAMETER,
  requireFound,
  requireReflected,
  WAIT_PARAMETERS,
  waitAsRequested,
} from './view-request.ts'

/** `GET /views/:view/value`: the value of one key, or of one key and window. */
export async function answerValue(c: HttpContext, sources: RouteSources, view: ServedView): Promise<Response> {
  const query = parseQuery(c.req.url, ['key', 'window', PARTS_PARAMETER, STALE_PARAMETER, ...WAIT_PARAMETERS])
  const key = keyParameter(view, 'key', required(query, 'key', 'the key whose value is wanted'))
  const windowStart = windowAt(view, timeMs(query, 'window'))
  refuseStaleWait(query)
  const client = c.req.raw.signal
  const wanted = await waitAsRequested(view, sources, query, client)
  const share = await budgetOf(sources, query).admit(c.env.outgoing, sources.rooms.reservedForValue(view))
  return answerFrom(view, sources, query, client, async (queried) => {
    const { value: entry, position } = await findEntry(view, key, windowStart, [...queried.here, ...queried.remote])
    // If the entry is found here, no other part is needed.
    if (entry === undefined) requireFound(queried)
    requireReflected(view, wanted, position)
    const more = { ...completeness(view), ...queried.answerFields }
    if (entry === undefined) {
      return answerError(c, valueMissing(view, query.get('key'), windowStart), position, more)
    }
    const text = formatPosition(position)
    const json = JSON.stringify({ ...entry, position: text, ...more })
    // The stored bytes are about as many as the characters.
    sources.rooms.read(view, json.length, 1)
    return answer(c, json, text, share, more.stale)
  })
}

function windowAt(view: ServedView, start: number | undefined): number | undefined {
  const windowed = hasWindows(view.shape)
  if (windowed === (start !== undefined)) return start
  throw !windowed
    ? badRequest('window', `cannot be used: view ${view.name} has no windows. Leave it out`)
    : badRequest(
        'window',
        `is missing: view ${view.name} has windows. Give the window's start in ms since the epoch, or request /windows for all windows of the key`,
      )
}

function valueMissing(view: ServedView, key: string | undefined, windowStart: number | undefined): RefusedError {
  const window = windowStart === undefined ? '' : ` in the window that starts at ${windowStart}`
  return new RefusedError('VALUE_MISSING', `View ${view.name} has no value for key ${JSON.stringify(key)}${window}`, {
    store: view.name,
  })
}
