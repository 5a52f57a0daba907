import { formatPosition, RefusedError } from '@millrace/core'
import { hasWindows, type StoreRange } from '@millrace/core/internal'
import { answer } from '../http/answer.ts'
import type { HttpContext } from '../http/http-context.ts'
import { badRequest, flag, integer, parseQuery, type Query, required, timeMs } from '../http/query-parameters.ts'
import { completeness } from './completeness.ts'
import { PAGE_BYTES_MAX, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PAGE_MS_MAX } from './limits.ts'
import { decodeCursor, encodeCursor, orderName } from './page-cursor.ts'
import { findPage, type PageEffort } from './read-view.ts'
import type { RouteSources } from './route-sources.ts'
import type { ServedView } from './served-view.ts'
import { answerFrom, refuseStaleWait, STALE_PARAMETER } from './stale-answer.ts'
import {
  budgetOf,
  keyParameter,
  PARTS_PARAMETER,
  prefixParameter,
  requireFound,
  requireReflected,
  WAIT_PARAMETERS,
  waitAsRequested,
} from './view-request.ts'

const PAGE_PARAMETERS = [
  'windowFrom',
  'windowTo',
  'reverse',
  'limit',
  'cursor',
  'order',
  'bytes',
  PARTS_PARAMETER,
  STALE_PARAMETER,
  ...WAIT_PARAMETERS,
]

type Bounds = Omit<StoreRange<unknown>, 'limit' | 'after'>

/** `GET /views/:view/windows`: a page of the windows of one key. */
export function answerWindows(c: HttpContext, sources: RouteSources, view: ServedView): Promise<Response> {
  requireWindows(view)
  const query = parseQuery(c.req.url, ['key', ...PAGE_PARAMETERS])
  const key = keyParameter(view, 'key', required(query, 'key', 'the key whose windows are wanted'))
  return answerPage(c, sources, view, query, { key })
}

/** `GET /views/:view/entries`: a page of the entries between two keys, or whose keys start with a prefix. */
export function answerEntries(c: HttpContext, sources: RouteSources, view: ServedView): Promise<Response> {
  const query = parseQuery(c.req.url, ['by', 'from', 'to', 'prefix', ...PAGE_PARAMETERS])
  return answerPage(c, sources, view, query, { ...keyBounds(view, query), by: orderOf(view, query) })
}

async function answerPage(
  c: HttpContext,
  sources: RouteSources,
  view: ServedView,
  query: Query,
  bounds: Bounds,
): Promise<Response> {
  const limit = integer(query, 'limit', `a number of entries from 1 to ${PAGE_LIMIT_MAX}`, 1, PAGE_LIMIT_MAX)
  const bytes = integer(query, 'bytes', `a number of bytes from 1 to ${PAGE_BYTES_MAX}`, 1, PAGE_BYTES_MAX)
  const cursor = query.get('cursor')
  const order = orderName(view, bounds)
  const entries = limit ?? PAGE_LIMIT_DEFAULT
  const room = sources.rooms.roomFor(view, entries)
  const range = {
    ...bounds,
    ...windowBounds(view, query),
    reverse: flag(query, 'reverse'),
    ...(cursor !== undefined && { after: decodeCursor(order, cursor) }),
    limit: entries,
    bytesMax: Math.min(bytes ?? room.bytesMax, room.bytesMax),
  }
  refuseStaleWait(query)
  const client = c.req.raw.signal
  const wanted = await waitAsRequested(view, sources, query, client)
  await answerFrom(view, sources, query, client, async (queried) => requireFound(queried))
  const share = await budgetOf(sources, query).admit(c.env.outgoing, room.reservedBytes)
  // The sources that the page is read from: they may have changed during the wait for room.
  return answerFrom(view, sources, query, client, async (queried) => {
    const { here, remote, answerFields } = requireFound(queried)
    let heldBytes = 0
    const holds = (held: number) => {
      heldBytes = held
      // The stored bytes, their JSON, and the answer as text and as bytes.
      share.holds(Math.max(room.reservedBytes, 4 * held))
    }
    const effort = { ...effortOf(sources), holds, placed: flag(query, 'order') }
    const { value: page, position } = await findPage(view, range, effort, [...here, ...remote])
    sources.rooms.read(view, heldBytes, page.entries.length)
    requireReflected(view, wanted, position)
    const text = formatPosition(position)
    const rest = {
      next: page.next === null ? null : encodeCursor(order, page.next),
      position: text,
      ...completeness(view),
      ...answerFields,
    }
    // The entries are JSON already: encoding them showed how large the page is.
    const json = `{"entries":[${page.entries.join(',')}],${JSON.stringify(rest).slice(1)}`
    return answer(c, json, text, share, answerFields.stale)
  })
}

function effortOf({ env }: RouteSources): Omit<PageEffort, 'holds'> {
  const endMs = env.clock.monotonic() + PAGE_MS_MAX
  return {
    enough: () => env.clock.monotonic() > endMs,
    turn: () => env.timers.turn(),
  }
}

function keyBounds(view: ServedView, query: Query): Bounds {
  const from = query.get('from')
  const to = query.get('to')
  const prefix = prefixParameter(view, query)
  return {
    ...(from !== undefined && { from: keyParameter(view, 'from', from) }),
    ...(to !== undefined && { to: keyParameter(view, 'to', to) }),
    ...(prefix !== undefined && { prefix: Buffer.from(prefix) }),
  }
}

/** The order in which the entries come. */
function orderOf(view: ServedView, query: Query): 'key' | 'time' | 'order' {
  const by = query.get('by') ?? 'key'
  if (by === 'key') return by
  if (by === 'time') requireWindows(view)
  if (by === 'order' && view.shape.kind !== 'sorted') {
    throw badRequest('by', `cannot be "order": view ${view.name} is not sorted`)
  }
  if (by === 'time' || by === 'order') return by
  throw badRequest('by', `must be key, time or order, not ${JSON.stringify(by)}`)
}

function windowBounds(view: ServedView, query: Query): Bounds {
  const windowFrom = timeMs(query, 'windowFrom')
  const windowTo = timeMs(query, 'windowTo')
  if (windowFrom !== undefined || windowTo !== undefined) requireWindows(view)
  return { ...(windowFrom !== undefined && { windowFrom }), ...(windowTo !== undefined && { windowTo }) }
}

function requireWindows(view: ServedView): void {
  if (!hasWindows(view.shape))
    throw new RefusedError('BAD_REQUEST', `View ${view.name} has no windows. Request /entries or /value`)
}
