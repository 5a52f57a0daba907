import { request } from 'node:http'
import { Readable } from 'node:stream'

/** Statuses that come without a body: `Response` takes none for them. */
const BODILESS = [204, 205, 304]

/** A `fetch` for GET requests that goes to a socket in the file system, whatever host the URL names. */
export function socketFetch(socket: string): typeof fetch {
  return (input, init) =>
    new Promise((resolve, reject) => {
      const { pathname, search } = new URL(String(input))
      const headers = Object.fromEntries(new Headers(init?.headers))
      const signal = init?.signal ?? undefined
      const sent = request(
        { socketPath: socket, path: `${pathname}${search}`, headers, ...(signal && { signal }) },
        (answer) => {
          const { statusCode: status = 0, headersDistinct } = answer
          const named = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
            values.map((value): [string, string] => [name, value]),
          )
          const body = BODILESS.includes(status) ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>)
          resolve(new Response(body, { status, headers: named }))
        },
      )
      sent.on('error', reject)
      sent.end()
    })
}
