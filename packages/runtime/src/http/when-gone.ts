import type { ServerResponse } from 'node:http'

/**
 * Calls back once when a response has ended, or its connection has; at once if that has already happened. If a client sends
 * requests one after the other without waiting, only the first response gets the event of the connection's end. Returns the
 * function that cancels the callback.
 */
export function whenGone(response: ServerResponse, callback: () => void): () => void {
  const { socket } = response.req
  if (response.closed || socket.destroyed) {
    callback()
    return () => {}
  }
  let isOpen = true
  const cancel = () => {
    isOpen = false
    response.off('close', gone)
    socket.off('close', gone)
  }
  const gone = () => {
    // The end of a connection that ends its response reaches a listener that was removed in between.
    if (!isOpen) return
    cancel()
    callback()
  }
  response.once('close', gone)
  socket.once('close', gone)
  return cancel
}

/** Resolves once a response has ended, or its connection has. */
export function gone(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => void whenGone(response, resolve))
}
