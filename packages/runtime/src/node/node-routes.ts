import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type JobReport, type LogLine, RefusedError, RetriableError } from '@millrace/core'
import { Hono } from 'hono'
import { answer, answerError } from '../views/answer.ts'
import { errorBody } from '../views/http-error.ts'
import { Places } from '../views/places.ts'
import { integer, parseQuery, type Query } from '../views/query-parameters.ts'
import type { Http, HttpContext } from '../views/route-sources.ts'
import { serverClosing } from '../views/server-closing.ts'
import { whenGone } from '../views/when-gone.ts'
import { ARTEFACT_TRANSFER_BYTES_MAX } from './artefacts/transfer.ts'
import { forward } from './forward.ts'
import { LOG_BUFFER_BYTES_MAX, LOG_LINES_DEFAULT, LOG_LINES_MAX, LOG_STREAMS_MAX } from './limits.ts'
import type { Node, OnProgress } from './node.ts'
import {
  AUTHOR_FIELDS,
  authorIn,
  type Body,
  checkStart,
  containersIn,
  deployIn,
  readBody,
  readBytes,
  repeatIn,
  savepointIn,
} from './node-requests.ts'

/** What a node's server answers from. */
export interface NodeSources {
  readonly node: Node
  /** What `GET /node` answers. */
  readonly about: () => object
  /** Aborts when the server closes. */
  readonly closing: AbortSignal
}

/** The HTTP API of a node; `docs/reference/http.md` describes it. */
export function nodeRoutes(sources: NodeSources): Hono<Http> {
  const { node, closing } = sources
  const app = new Hono<Http>()
  const nameIn = (c: HttpContext) => c.req.param('job') ?? ''
  const change = (fields: readonly string[], run: (name: string, body: Body, on: OnProgress) => Promise<JobReport>) => {
    return async (c: HttpContext) => {
      parseQuery(c.req.url, [])
      const body = await readBody(c, [...fields, ...AUTHOR_FIELDS])
      return answerSteps(c, (onProgress) => run(nameIn(c), body, onProgress))
    }
  }
  app.use(async (_c, next) => {
    if (closing.aborted) throw serverClosing()
    await next()
  })
  app.onError((error, c) => answerError(c, error))
  app.notFound((c) => answerError(c, noSuchPath(c.req.path)))
  app.get('/node', (c) => answerJson(c, sources.about()))
  app.get('/jobs', (c) => answerJson(c, { jobs: node.jobs }))
  app.get('/jobs/:job', (c) => answerJson(c, node.job(nameIn(c))))
  app.get('/jobs/:job/history', async (c) => answerJson(c, { history: await node.history(nameIn(c)) }))
  const answerLogs = logsRoute(sources)
  app.get('/jobs/:job/logs', (c) => answerLogs(c, node.withLog(nameIn(c))))
  app.get('/jobs/:job/views', (c) => forward(c, node.job(nameIn(c)), pathAfter(c, nameIn(c))))
  app.get('/jobs/:job/views/:view/:what', (c) => forward(c, node.job(nameIn(c)), pathAfter(c, nameIn(c))))
  app.post('/artefacts', async (c) => {
    parseQuery(c.req.url, [])
    return answerJson(c, {
      artefact: await node.storeArtefact((await readBytes(c, ARTEFACT_TRANSFER_BYTES_MAX)).toString('latin1')),
    })
  })
  app.post(
    '/deploy',
    change(['artefact', 'settings', 'acceptLoss'], (_name, body, onProgress) =>
      node.deploy(deployIn(body), authorIn(body), onProgress),
    ),
  )
  app.post(
    '/jobs/:job/rollback',
    change([], (name, body, onProgress) => node.rollback(name, authorIn(body), onProgress)),
  )
  app.post(
    '/jobs/:job/restart',
    change([], (name, body, onProgress) => node.restart(name, authorIn(body), onProgress)),
  )
  app.post(
    '/jobs/:job/scale',
    change(['containers'], (name, body) => node.scale(name, containersIn(body), authorIn(body))),
  )
  app.post(
    '/jobs/:job/drain',
    change([], (name, body, onProgress) => node.drain(name, authorIn(body), onProgress)),
  )
  app.post(
    '/jobs/:job/stop',
    change([], (name, body) => node.stop(name, authorIn(body))),
  )
  app.post(
    '/jobs/:job/start',
    change([], (name, body) => node.start(name, authorIn(body))),
  )
  app.get('/jobs/:job/savepoints', (c) => {
    parseQuery(c.req.url, [])
    return answerJson(c, { savepoints: node.savepoints(nameIn(c)) })
  })
  app.post('/jobs/:job/savepoint', async (c) => {
    parseQuery(c.req.url, [])
    const body = await readBody(c, ['name', ...AUTHOR_FIELDS])
    return answerJson(c, { savepoint: await node.savepoint(nameIn(c), savepointIn(body), authorIn(body)) })
  })
  app.post(
    '/jobs/:job/restore-savepoint',
    change(['name', 'repeatOutputs'], (name, body, onProgress) =>
      node.restoreSavepoint(name, savepointIn(body) ?? '', repeatIn(body), authorIn(body), onProgress),
    ),
  )
  app.post(
    '/jobs/:job/rewind',
    change(['to', 'repeatOutputs'], (name, body, onProgress) => {
      checkStart(body)
      return node.rewind(name, repeatIn(body), authorIn(body), onProgress)
    }),
  )
  app.post('/jobs/:job/delete-savepoint', async (c) => {
    parseQuery(c.req.url, [])
    const body = await readBody(c, ['name', ...AUTHOR_FIELDS])
    await node.deleteSavepoint(nameIn(c), savepointIn(body) ?? '', authorIn(body))
    return answerJson(c, {})
  })
  app.post('/jobs/:job/undeploy', async (c) => {
    parseQuery(c.req.url, [])
    await node.undeploy(nameIn(c), authorIn(await readBody(c, AUTHOR_FIELDS)))
    return answerJson(c, {})
  })
  return app
}

function answerJson(c: HttpContext, value: object): Response {
  return answer(c, JSON.stringify(value))
}

/** The rest of the path, after the job, with the query as it came. */
function pathAfter(c: HttpContext, job: string): string {
  const { url = '' } = c.env.incoming
  return url.slice(`/jobs/${encodeURIComponent(job)}`.length)
}

const STREAM_HEADERS = {
  'content-type': 'application/x-ndjson; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

/**
 * Answers a change with lines of JSON: `{"step":"…"}` as it goes on, and at last `{"job":{…}}`, or `{"error":{…}}` if it failed. A
 * change that is refused before its first step gets an ordinary error. A client that goes away does not end the change.
 */
async function answerSteps(c: HttpContext, run: (onProgress: OnProgress) => Promise<JobReport>): Promise<Response> {
  const { outgoing } = c.env
  const write = (line: object) => {
    if (!outgoing.headersSent) outgoing.writeHead(200, STREAM_HEADERS)
    outgoing.write(`${JSON.stringify(line)}\n`)
  }
  try {
    const job = await run((step) => write({ step }))
    write({ job })
  } catch (error) {
    if (!outgoing.headersSent) throw error
    write({ error: errorBody(error) })
  }
  outgoing.end()
  return RESPONSE_ALREADY_SENT
}

const LEVELS: readonly string[] = ['info', 'warning', 'error']

function logsRoute({ node, closing }: NodeSources) {
  const streams = new Places(LOG_STREAMS_MAX, tooManyFollowers)
  return async (c: HttpContext, job: string): Promise<Response> => {
    const query = parseQuery(c.req.url, ['lines', 'container', 'level', 'follow'])
    const wanted = wantedLines(query)
    const lines = integer(query, 'lines', `0 to ${LOG_LINES_MAX}`, 0, LOG_LINES_MAX) ?? LOG_LINES_DEFAULT
    const { outgoing } = c.env
    const write = (line: LogLine) => {
      if (!wanted(line)) return
      if (outgoing.writableLength > LOG_BUFFER_BYTES_MAX) outgoing.destroy()
      else outgoing.write(`${JSON.stringify(line)}\n`)
    }
    await streams.hold(async () => {
      outgoing.writeHead(200, STREAM_HEADERS)
      const last = node.logs.last(job, LOG_LINES_MAX).filter(wanted)
      for (const line of last.slice(last.length - Math.min(lines, last.length))) write(line)
      if (query.get('follow') === 'true') await followed(node, job, write, outgoing, closing)
      outgoing.end()
    })
    return RESPONSE_ALREADY_SENT
  }
}

/** Which lines a request wants: of one container, and of a level or above. */
function wantedLines(query: Query): (line: LogLine) => boolean {
  const container = query.get('container')
  const level = query.get('level') ?? 'info'
  const lowest = LEVELS.indexOf(level)
  if (lowest < 0) throw new RefusedError('BAD_REQUEST', `Parameter level must be one of ${LEVELS.join(', ')}`)
  return (line) => (container === undefined || line.container === container) && LEVELS.indexOf(line.level) >= lowest
}

function followed(
  node: Node,
  job: string,
  write: (line: LogLine) => void,
  outgoing: HttpContext['env']['outgoing'],
  closing: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const leave = node.logs.follow(job, write)
    const end = () => {
      leave()
      closing.removeEventListener('abort', end)
      resolve()
    }
    closing.addEventListener('abort', end)
    whenGone(outgoing, end)
  })
}

function tooManyFollowers(): RetriableError {
  return new RetriableError(
    'TOO_MANY_STREAMS',
    `The node accepts ${LOG_STREAMS_MAX} clients that read logs, and has that many. Close one, then retry`,
  )
}

function noSuchPath(path: string): RefusedError {
  return new RefusedError(
    'PATH_MISSING',
    `Nothing is at ${JSON.stringify(path)}. The paths are /node, /jobs, /jobs/<job>, and under it /history, /logs, /savepoints and /views; ` +
      'changes go with POST to /deploy, and to /savepoint, /restore-savepoint, /rewind, /delete-savepoint, /drain, /stop, /start, /restart, /scale, /rollback and /undeploy under /jobs/<job>',
  )
}
