import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { RefusedError } from '@millrace/core'
import { errorBody } from './http-error.ts'
import { HEADER_BYTES_MAX, REQUEST_MS_MAX } from './limits.ts'

/** Answers with a status and a code what never becomes a request: data that is not HTTP, too large or too slow, or a tunnel. */
export function answerBrokenRequests(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // An answer under way must not get another one in its middle; a client that has disconnected needs none, and one whose
    // handshake has failed cannot read one.
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket) || isShakingHands(socket))
      socket.destroy()
    else answerRaw(socket, ...reasonOf(error))
  })
  server.on('connect', (_request, socket: Duplex) => {
    const refusal = new RefusedError(
      'METHOD_REFUSED',
      'Method CONNECT is not accepted. Send the request to this server itself',
    )
    answerRaw(socket, '405 Method Not Allowed', refusal)
  })
}

function reasonOf(error: NodeJS.ErrnoException): [status: string, refusal: RefusedError] {
  const refusal = (message: string) => new RefusedError('BAD_REQUEST', message, { cause: error })
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return [
        '431 Request Header Fields Too Large',
        refusal(
          `The request's line and headers have more than the maximum of ${HEADER_BYTES_MAX} bytes. Send fewer or shorter headers`,
        ),
      ]
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [
        '408 Request Timeout',
        refusal(`The request did not arrive within ${REQUEST_MS_MAX / 1000} s. Send it again`),
      ]
    default:
      return ['400 Bad Request', refusal(`The request is not HTTP/1.1: ${error.message}`)]
  }
}

function answerRaw(socket: Duplex, status: string, refusal: RefusedError): void {
  const body = Buffer.from(JSON.stringify(errorBody(refusal)))
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json; charset=utf-8',
    'cache-control: no-store',
    `content-length: ${body.length}`,
    'connection: close',
  ].join('\r\n')
  // The client may never close its side.
  socket.end(Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body]), () => socket.destroy())
}

/** A connection with TLS before it can carry anything. */
function isShakingHands(socket: Duplex): boolean {
  return 'secureConnecting' in socket && socket.secureConnecting === true
}

/** Node keeps the response that a connection is sending beside its socket. */
function isAnswering(socket: Duplex & { readonly _httpMessage?: { readonly headersSent: boolean } | null }): boolean {
  return socket._httpMessage?.headersSent === true
}
