import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type LogLine, RefusedError, RetriableError } from '@millrace/core'
import { cutUnlessTaken } from '../http/cut-unless-taken.ts'
import type { HttpContext } from '../http/http-context.ts'
import { Places } from '../http/places.ts'
import { flag, integer, parseQuery, type Query } from '../http/query-parameters.ts'
import { gone, whenGone } from '../http/when-gone.ts'
import {
  LOG_ANSWER_BYTES_MAX,
  LOG_BUFFER_BYTES_MAX,
  LOG_LINES_DEFAULT,
  LOG_LINES_MAX,
  LOG_STREAMS_MAX,
} from './limits.ts'
import { LINES_HEADERS } from './lines-headers.ts'
import type { Node } from './node.ts'
import type { NodeSources } from './node-sources.ts'

const LEVELS: readonly string[] = ['info', 'warning', 'error']

/** `GET /jobs/:job/logs`: the last lines of a job's log, and, if the request follows it, every later one. */
export function logsRoute({ node, closing, timers }: NodeSources) {
  const streams = new Places(LOG_STREAMS_MAX, tooManyFollowers)
  return async (c: HttpContext, job: string): Promise<Response> => {
    const query = parseQuery(c.req.url, ['lines', 'container', 'level', 'follow'])
    const wanted = wantedLines(query)
    const lines = integer(query, 'lines', `0 to ${LOG_LINES_MAX}`, 0, LOG_LINES_MAX) ?? LOG_LINES_DEFAULT
    const follows = flag(query, 'follow')
    if (c.env.incoming.method === 'HEAD') return c.body(null, 200, LINES_HEADERS)
    const { outgoing } = c.env
    const write = (line: LogLine) => {
      if (!wanted(line)) return
      if (outgoing.writableLength > LOG_BUFFER_BYTES_MAX) outgoing.destroy()
      else outgoing.write(`${JSON.stringify(line)}\n`)
    }
    await streams.hold(async () => {
      outgoing.writeHead(200, LINES_HEADERS)
      outgoing.write(newest(node.logs.last(job, LOG_LINES_MAX).filter(wanted), lines))
      if (follows) await followed(node, job, write, outgoing, closing)
      outgoing.end()
      cutUnlessTaken(outgoing, timers)
      await gone(outgoing)
    })
    return RESPONSE_ALREADY_SENT
  }
}

/** The text of the last lines, of at most `LOG_ANSWER_BYTES_MAX`. */
function newest(lines: readonly LogLine[], count: number): Buffer {
  const texts: Buffer[] = []
  let bytes = 0
  for (const line of lines.slice(lines.length - Math.min(count, lines.length)).reverse()) {
    const text = Buffer.from(`${JSON.stringify(line)}\n`)
    bytes += text.length
    if (bytes > LOG_ANSWER_BYTES_MAX) break
    texts.push(text)
  }
  return Buffer.concat(texts.reverse())
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
  outgoing: ServerResponse,
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
