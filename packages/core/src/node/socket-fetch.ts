import { request } from 'node:http'
import { Readable } from 'node:stream'

/** Statuses that come without a body: `Response` takes none for them. */
const BODILESS = [204, 205, 304]

/** A `fetch` that goes to a socket in the file system, whatever host the URL names. A body is text. */
export function socketFetch(socket: string): typeof fetch {
  return (input, init) =>
    new Promise((resolve, reject) => {
      const { pathname, search } = new URL(String(input))
      const headers = Object.fromEntries(new Headers(init?.headers))
      const signal = init?.signal ?? undefined
      const method = init?.method ?? 'GET'
      const body = bodyOf(init?.body)
      const sent = request(
        { socketPath: socket, method, path: `${pathname}${search}`, headers, ...(signal && { signal }) },
        (answer) => {
          const { statusCode: status = 0, headersDistinct } = answer
          const named = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
            values.map((value): [string, string] => [name, value]),
          )
          const content = BODILESS.includes(status) ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>)
          resolve(new Response(content, { status, headers: named }))
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
}

function bodyOf(body: RequestInit['body']): string | undefined {
  if (body === undefined || body === null) return undefined
  if (typeof body === 'string') return body
  throw new TypeError('A body for a socket must be text')
}
