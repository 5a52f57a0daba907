import type { IncomingMessage } from 'node:http'
import type { Timers } from '@millrace/core'

const allowed = new WeakSet<IncomingMessage>()

/** The body of this request may come as slowly as the limits of its endpoint allow. */
export function allowLongBody(request: IncomingMessage): void {
  allowed.add(request)
}

/** Disconnects the client of a request whose body has not come in time, unless the listener has allowed it a longer time. */
export function cutSlowBody(request: IncomingMessage, msMax: number, timers: Timers): void {
  const { headers, socket } = request
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return
  const late = timers.after(msMax, () => {
    if (!request.complete && !allowed.has(request)) socket.destroy()
  })
  const cancel = () => {
    late.cancel()
    socket.off('close', cancel)
  }
  request.once('close', cancel)
  socket.once('close', cancel)
}
