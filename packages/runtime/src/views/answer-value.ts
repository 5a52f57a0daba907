import { formatPosition, RefusedError } from '@millrace/core'
import { minimumPosition } from '@millrace/core/internal'
import { answer, answerError } from './answer.ts'
import { completeness } from './completeness.ts'
import { jsonEntry } from './entry-json.ts'
import { VALUE_RESERVED_BYTES } from './limits.ts'
import type { Reflecting } from './part-source.ts'
import { badRequest, parseQuery, required, timeMs } from './query-parameters.ts'
import { findValue } from './read-view.ts'
import type { HttpContext, RouteSources } from './route-sources.ts'
import type { ServedView } from './served-view.ts'
import {
  type AskedParts,
  asksHereOnly,
  keyParameter,
  PARTS_PARAMETER,
  partsAsked,
  partsHere,
  WAIT_PARAMETERS,
  waitAsAsked,
} from './view-request.ts'

/** `GET /views/:view/value`: the value of one key, or of one key and window. */
export async function answerValue(c: HttpContext, sources: RouteSources, view: ServedView): Promise<Response> {
  const query = parseQuery(c.req.url, ['key', 'window', PARTS_PARAMETER, ...WAIT_PARAMETERS])
  const key = keyParameter(view, 'key', required(query, 'key', 'the key whose value is wanted'))
  const window = windowAt(view, timeMs(query, 'window'))
  await waitAsAsked(view, sources, query, c.req.raw.signal)
  const share = await sources.budget.admit(c.env.outgoing, VALUE_RESERVED_BYTES)
  const found = await findAnywhere(view, key, window?.start, () => partsAsked(view, sources, query, c.req.raw.signal))
  const { value, position } = found
  const more = { ...completeness(view), ...(asksHereOnly(query) && { parts: partsHere(view) }) }
  if (value === undefined) {
    return answerError(c, valueMissing(view, query.get('key'), window?.start), position, more)
  }
  const entry = jsonEntry(view, { key, ...(window && { window }), value })
  const json = JSON.stringify({ ...entry, position: formatPosition(position), ...more })
  return answer(c, json, position, share)
}

/** A value that is here, or else in another of the parts that are asked for: they matter only then. */
async function findAnywhere(
  view: ServedView,
  key: unknown,
  windowStart: number | undefined,
  asked: () => AskedParts,
): Promise<Reflecting<unknown>> {
  const here = await findValue(view, key, windowStart)
  if (here.value !== undefined) return here
  const { remote } = asked()
  if (remote.length === 0) return here
  const there = await findValue(view, key, windowStart, remote)
  return there.value === undefined
    ? { value: undefined, position: minimumPosition([here.position, there.position]) }
    : there
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
