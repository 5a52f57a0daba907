import { type IncomingMessage, request } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type JobReport, RefusedError, RetriableError } from '@millrace/core'
import type { HttpContext } from '../http/http-context.ts'
import { SOCKET_SCHEME } from '../http/socket-scheme.ts'
import { whenGone } from '../http/when-gone.ts'

/**
 * Passes a request about a job's views on to one of its containers: each of them answers for all. The answer comes back as it
 * is, a stream too, and no faster than the client takes it. Throws `JOB_NOT_RUNNING` if no container of the job runs, and
 * `SERVER_UNREACHABLE` if the container has just ended, or is silent for longer than `silenceMsMax`.
 */
export async function forward(
  c: HttpContext,
  report: JobReport,
  path: string,
  silenceMsMax: number,
): Promise<Response> {
  const { incoming, outgoing } = c.env
  const answer = await send(addressOf(report), path, incoming, silenceMsMax, (cancel) => whenGone(outgoing, cancel))
  const { statusCode = 502, headers } = answer
  const { connection: _connection, 'keep-alive': _keepAlive, ...others } = headers
  outgoing.writeHead(statusCode, others)
  answer.on('error', () => outgoing.destroy())
  answer.pipe(outgoing)
  return RESPONSE_ALREADY_SENT
}

function addressOf({ job, phase, containers }: JobReport): string {
  const address = containers.find((container) => container.phase === 'running')?.address
  if (address !== undefined && address !== null) return address
  throw new RefusedError(
    'JOB_NOT_RUNNING',
    `No container of job ${job} runs: it is ${phase}. Start it ("millrace start ${job}"), or see why ("millrace status ${job}")`,
    { job },
  )
}

/** Only a socket needs no token; without sockets, the node cannot pass on requests. */
function send(
  address: string,
  path: string,
  { method, headers }: IncomingMessage,
  silenceMsMax: number,
  onCancel: (cancel: () => void) => void,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    if (!address.startsWith(SOCKET_SCHEME)) {
      throw new RefusedError('UNSUPPORTED', `The container at ${address} has no socket, so the node cannot query it`)
    }
    const { accept, 'last-event-id': lastEventId } = headers
    const sent = request(
      {
        socketPath: address.slice(SOCKET_SCHEME.length),
        path,
        method,
        headers: {
          host: 'localhost',
          ...(accept && { accept }),
          // Where a client that follows changes has come to.
          ...(lastEventId && { 'last-event-id': lastEventId }),
        },
        timeout: silenceMsMax,
      },
      resolve,
    )
    sent.on('timeout', () => sent.destroy(new Error(`it was silent for ${silenceMsMax / 1000} s`)))
    sent.on('error', (cause) => {
      reject(
        new RetriableError(
          'SERVER_UNREACHABLE',
          `The container at ${address} does not answer: ${cause.message}. Retry`,
          {
            cause,
          },
        ),
      )
    })
    onCancel(() => sent.destroy())
    sent.end()
  })
}
