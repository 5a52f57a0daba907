import type { Server, Socket } from 'node:net'
import { networkOf } from './network-of.ts'

/** Closes connections as they come if their address has `connectionsMax` already. */
export function limitAddresses(server: Server, connectionsMax: number): void {
  const open = new Map<string, number>()
  // Before what a server for TLS does with a connection.
  server.prependListener('connection', (socket: Socket) => {
    const network = networkOf(socket.remoteAddress ?? '')
    const connections = (open.get(network) ?? 0) + 1
    if (connections > connectionsMax) {
      socket.destroy()
      return
    }
    open.set(network, connections)
    socket.once('close', () => {
      const left = (open.get(network) ?? 1) - 1
      if (left === 0) open.delete(network)
      else open.set(network, left)
    })
  })
}
