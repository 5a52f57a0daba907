import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type JobReport, RefusedError, RetriableError, type Timers } from '@millrace/core'
import { Hono } from 'hono'
import { answer, answerError } from '../http/answer.ts'
import { cutUnlessTaken } from '../http/cut-unless-taken.ts'
import type { Http, HttpContext } from '../http/http-context.ts'
import { errorBody } from '../http/http-error.ts'
import { Places } from '../http/places.ts'
import { parseQuery } from '../http/query-parameters.ts'
import { serverClosing } from '../http/server-closing.ts'
import { gone } from '../http/when-gone.ts'
import { forward } from './forward.ts'
import { HISTORIES_MAX, PLANS_MAX, UPLOADS_MAX } from './limits.ts'
import { LINES_HEADERS } from './lines-headers.ts'
import { logsRoute } from './logs-route.ts'
import type { OnProgress } from './node.ts'
import {
  AUTHOR_FIELDS,
  authorIn,
  type Body,
  DEPLOY_FIELDS,
  deployIn,
  flagIn,
  historyIn,
  REWIND_FIELDS,
  readArtefactText,
  readBody,
  repeatIn,
  rewindIn,
  savepointIn,
  scaleIn,
} from './node-requests.ts'
import type { NodeSources } from './node-sources.ts'

/** The HTTP API of a node; `docs/reference/http.md` describes it. */
export function nodeRoutes(sources: NodeSources): Hono<Http> {
  const { node, closing, timers, forwardSilenceMsMax } = sources
  const app = new Hono<Http>()
  const nameIn = (c: HttpContext) => c.req.param('job') ?? ''
  const change = (fields: readonly string[], run: (name: string, body: Body, on: OnProgress) => Promise<JobReport>) => {
    return async (c: HttpContext) => {
      parseQuery(c.req.url, [])
      const body = await readBody(c, [...fields, ...AUTHOR_FIELDS])
      return answerSteps(c, timers, (onProgress) => run(nameIn(c), body, onProgress))
    }
  }
  app.use(async (_c, next) => {
    if (closing.aborted) throw serverClosing()
    await next()
  })
  app.onError((error, c) => answerError(c, error))
  app.notFound((c) => answerError(c, noSuchPath(c.req.path)))
  const histories = new Places(HISTORIES_MAX, tooManyHistories)
  const uploads = new Places(UPLOADS_MAX, tooManyUploads)
  const plans = new Places(PLANS_MAX, tooManyPlans)
  app.get('/node', (c) => answerJson(c, timers, sources.about()))
  app.get('/jobs', (c) => answerJson(c, timers, { jobs: node.jobs }))
  app.get('/jobs/:job', (c) => answerJson(c, timers, node.job(nameIn(c))))
  app.get('/jobs/:job/history', (c) => {
    const page = historyIn(parseQuery(c.req.url, ['limit', 'before']))
    return histories.hold(async () => {
      sendJson(c, timers, await node.history(nameIn(c), page))
      await gone(c.env.outgoing)
      return RESPONSE_ALREADY_SENT
    })
  })
  const answerLogs = logsRoute(sources)
  app.get('/jobs/:job/logs', (c) => answerLogs(c, node.withLog(nameIn(c))))
  const passOn = (c: HttpContext) => forward(c, node.job(nameIn(c)), pathAfterJob(c), forwardSilenceMsMax)
  app.get('/jobs/:job/views', passOn)
  app.get('/jobs/:job/views/:view/:what', passOn)
  app.post('/artefacts', (c) => {
    parseQuery(c.req.url, [])
    return uploads.hold(async () => {
      const artefact = await node.storeArtefact(await readArtefactText(c))
      return answerJson(c, timers, { artefact })
    })
  })
  app.post('/plan', async (c) => {
    parseQuery(c.req.url, [])
    const request = deployIn(await readBody(c, [...DEPLOY_FIELDS, ...AUTHOR_FIELDS]))
    return plans.hold(async () => answerJson(c, timers, await node.plan(request)))
  })
  app.post(
    '/deploy',
    change(DEPLOY_FIELDS, (_name, body, onProgress) => node.deploy(deployIn(body), authorIn(body), onProgress)),
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
    change(['containers', 'auto'], (name, body) => node.scale(name, scaleIn(body), authorIn(body))),
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
    return answerJson(c, timers, { savepoints: node.savepoints(nameIn(c)) })
  })
  app.post('/jobs/:job/savepoint', async (c) => {
    parseQuery(c.req.url, [])
    const body = await readBody(c, ['name', ...AUTHOR_FIELDS])
    return answerJson(c, timers, { savepoint: await node.savepoint(nameIn(c), savepointIn(body), authorIn(body)) })
  })
  app.post(
    '/jobs/:job/restore-savepoint',
    change(['name', 'repeatOutputs'], (name, body, onProgress) =>
      node.restoreSavepoint(name, savepointIn(body) ?? '', repeatIn(body), authorIn(body), onProgress),
    ),
  )
  app.post(
    '/jobs/:job/rewind',
    change(REWIND_FIELDS, (name, body, onProgress) => node.rewind(name, rewindIn(body), authorIn(body), onProgress)),
  )
  app.post('/jobs/:job/delete-savepoint', async (c) => {
    parseQuery(c.req.url, [])
    const body = await readBody(c, ['name', ...AUTHOR_FIELDS])
    await node.deleteSavepoint(nameIn(c), savepointIn(body) ?? '', authorIn(body))
    return answerJson(c, timers, {})
  })
  app.post('/jobs/:job/undeploy', async (c) => {
    parseQuery(c.req.url, [])
    const body = await readBody(c, ['purge', ...AUTHOR_FIELDS])
    return answerJson(c, timers, await node.undeploy(nameIn(c), flagIn(body, 'purge'), authorIn(body)))
  })
  return app
}

function answerJson(c: HttpContext, timers: Timers, value: object): Response {
  parseQuery(c.req.url, [])
  return sendJson(c, timers, value)
}

function sendJson(c: HttpContext, timers: Timers, value: object): Response {
  const sent = answer(c, JSON.stringify(value))
  cutUnlessTaken(c.env.outgoing, timers)
  return sent
}

/** The rest of the path after `/jobs/<job>`, with the query, as it came: the name of the job may be encoded in several ways. */
function pathAfterJob({ env: { incoming } }: HttpContext): string {
  const { url = '' } = incoming
  return url.slice(url.indexOf('/', '/jobs/'.length))
}

/**
 * Answers a change with lines of JSON: `{"step":"…"}` as it goes on, and at last `{"job":{…}}`, or `{"error":{…}}` if it failed. A
 * change that is refused before its first step gets an ordinary error. A client that goes away does not end the change.
 */
async function answerSteps(
  c: HttpContext,
  timers: Timers,
  run: (onProgress: OnProgress) => Promise<JobReport>,
): Promise<Response> {
  const { outgoing } = c.env
  const write = (line: object) => {
    if (!outgoing.headersSent) outgoing.writeHead(200, LINES_HEADERS)
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
  cutUnlessTaken(outgoing, timers)
  return RESPONSE_ALREADY_SENT
}

function tooManyHistories(): RetriableError {
  return new RetriableError(
    'TOO_MANY_QUERIES',
    `The node accepts ${HISTORIES_MAX} clients that read a history, and has that many. Retry in a moment`,
  )
}

function tooManyPlans(): RetriableError {
  return new RetriableError(
    'TOO_MANY_QUERIES',
    `The node makes ${PLANS_MAX} plans at a time, and does so now. Retry when one of them is done`,
  )
}

function tooManyUploads(): RetriableError {
  return new RetriableError(
    'TOO_MANY_UPLOADS',
    `The node receives ${UPLOADS_MAX} artefacts at a time, and does so now. Retry when one of them is stored`,
  )
}

function noSuchPath(path: string): RefusedError {
  return new RefusedError(
    'PATH_MISSING',
    `Nothing is at ${JSON.stringify(path)}. The paths are /node, /jobs, /jobs/<job>, and under it /history, /logs, /savepoints and /views; ` +
      'changes go with POST to /artefacts, /plan and /deploy, and to /savepoint, /restore-savepoint, /rewind, /delete-savepoint, /drain, /stop, /start, /restart, /scale, /rollback and /undeploy under /jobs/<job>',
  )
}
