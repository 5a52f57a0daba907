import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'

/** A process of a job that answers as a test says, instead of a view server. */
export interface StandInProcess {
  readonly server: Server
  readonly address: string
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts it, on a free port or on a socket. */
export async function startStandIn(answer: RequestListener, socket?: string): Promise<StandInProcess> {
  const server = createServer(answer)
  if (socket === undefined) server.listen(0, '127.0.0.1')
  else server.listen(socket)
  await once(server, 'listening')
  const place = server.address()
  return {
    server,
    address:
      typeof place === 'object' && place !== null
        ? `http://127.0.0.1:${place.port}`
        : `unix:${socket ?? String(place)}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
