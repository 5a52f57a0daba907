import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { formatPosition, RefusedError, RetriableError } from '@millrace/core'
import { keyToText, minimumPosition, windowMsOf } from '@millrace/core/internal'
import { Hono } from 'hono'
import { answer, answerError } from '../http/answer.ts'
import type { Http, HttpContext } from '../http/http-context.ts'
import { Places } from '../http/places.ts'
import { badRequest, parseQuery, type Query } from '../http/query-parameters.ts'
import { serverClosing } from '../http/server-closing.ts'
import { answerEntries, answerWindows } from './answer-page.ts'
import { answerValue } from './answer-value.ts'
import { ChangeFeed } from './change-feed.ts'
import { STREAM_HEADERS, streamChanges } from './change-stream.ts'
import { completeness } from './completeness.ts'
import type { Wanted } from './followers.ts'
import { SELECTIVE_STREAMS_MAX, STREAMS_MAX } from './limits.ts'
import { PositionNotReached } from './position-not-reached.ts'
import type { RouteSources } from './route-sources.ts'
import type { ServedView } from './served-view.ts'
import { keyParameter, PARTS_PARAMETER, partsHere, prefixParameter, requireParts, viewNamed } from './view-request.ts'

/** The HTTP API of a job's views; `docs/reference/http.md` describes it. */
export function viewRoutes(sources: RouteSources): Hono<Http> {
  const app = new Hono<Http>()
  const named = (c: HttpContext) => viewNamed(sources, c.req.param('view') ?? '')
  app.use(async (_c, next) => {
    if (sources.closing.aborted) throw serverClosing()
    await next()
  })
  app.onError((error, c) => answerError(c, error, error instanceof PositionNotReached ? error.position : undefined))
  app.notFound((c) => answerError(c, noSuchPath(c.req.path)))
  app.get('/status', (c) => {
    parseQuery(c.req.url, [])
    return answer(c, JSON.stringify(sources.status()))
  })
  app.get('/views', (c) => {
    parseQuery(c.req.url, [])
    return answer(c, JSON.stringify({ job: sources.job, views: sources.views.map(describeView) }))
  })
  app.get('/views/:view/value', (c) => answerValue(c, sources, named(c)))
  app.get('/views/:view/windows', (c) => answerWindows(c, sources, named(c)))
  app.get('/views/:view/entries', (c) => answerEntries(c, sources, named(c)))
  const answerChanges = changesRoute(sources)
  app.get('/views/:view/changes', (c) => answerChanges(c, named(c)))
  return app
}

function changesRoute(sources: RouteSources): (c: HttpContext, view: ServedView) => Promise<Response> {
  const feeds = new Map<ServedView, ChangeFeed>()
  const streams = new Places(STREAMS_MAX, () => tooManyStreams(STREAMS_MAX, 'all changes of a view'))
  const selective = new Places(SELECTIVE_STREAMS_MAX, () =>
    tooManyStreams(SELECTIVE_STREAMS_MAX, 'the changes of some keys'),
  )
  return async (c, view) => {
    const query = parseQuery(c.req.url, [PARTS_PARAMETER, 'key', 'prefix', 'resume'])
    const wanted = wantedChanges(view, query)
    const parts = requireParts(view, query)
    if (c.env.incoming.method === 'HEAD') return c.body(null, 200, STREAM_HEADERS)
    const feed = feeds.get(view) ?? new ChangeFeed(view, sources.env)
    feeds.set(view, feed)
    const places = wanted.of === 'all' ? streams : selective
    const { closing, env } = sources
    // An EventSource of a browser sends the header when it connects again to the same address.
    const { 'last-event-id': resumeFrom = query.get('resume') } = c.env.incoming.headers
    const options = { start: parts, wanted, resumeFrom: resumeFrom?.toString() }
    await places.hold(() => streamChanges(c.env.outgoing, feed, options, env.timers, closing))
    return RESPONSE_ALREADY_SENT
  }
}

function describeView(view: ServedView) {
  return {
    name: view.name,
    key: view.key.name,
    value: view.value.name,
    shape: view.shape.kind,
    windowMs: windowMsOf(view.shape) ?? null,
    partitions: view.partitions,
    parts: partsHere(view),
    position: formatPosition(minimumPosition(view.parts.map((part) => part.position))),
    completeFrom: completeness(view).completeFrom ?? null,
  }
}

function noSuchPath(path: string): RefusedError {
  return new RefusedError(
    'PATH_MISSING',
    `Nothing is at ${JSON.stringify(path)}. The paths are /status, /views, and under /views/<name>: ` +
      '/value, /windows, /entries, /changes',
  )
}

/** Which changes a request wants. A key is compared as text, so it is written as the view writes it. */
function wantedChanges(view: ServedView, query: Query): Wanted {
  const key = query.get('key')
  const prefix = prefixParameter(view, query)
  if (key !== undefined && prefix !== undefined) throw badRequest('prefix', 'cannot be used together with key')
  if (key !== undefined) return { of: 'key', key: keyToText(view.key, keyParameter(view, 'key', key)) }
  return prefix === undefined ? { of: 'all' } : { of: 'prefix', prefix }
}

function tooManyStreams(limit: number, what: string): RetriableError {
  return new RetriableError(
    'TOO_MANY_STREAMS',
    `The server accepts ${limit} clients that follow ${what}, and has that many. Close one, then retry`,
  )
}
