import { connect, type Socket } from 'node:net'
import { count, text, type Work } from '../child/work.ts'

/** The last change of a commit: its offset. */
const OFFSET = /^data: \{"position":"[^"]*=(\d+)","key"/gm

/** Follows the changes of a view over many connections, each to another key or prefix. */
const work: Work = {
  async prepare(options) {
    const port = count(options, 'port')
    const view = text(options, 'view')
    const found: number[] = []
    const sockets: Socket[] = []
    for (let number = 0; number < count(options, 'subscribers'); number++) {
      const wanted = number % 2 === 0 ? `key=k${number}.` : `prefix=k${number}.`
      sockets.push(await subscribe(port, `/views/${view}/changes?${wanted}`, found))
    }
    return {
      async run() {
        // Before, some subscribers were not there yet.
        found.length = 0
        await new Promise((resolve) => setTimeout(resolve, count(options, 'runMs')))
        return found.length / 2
      },
      /** For each commit, the offset in its position, and when it came: ms since the epoch. */
      found: () => found,
      close: async () => {
        for (const socket of sockets) socket.destroy()
      },
    }
  },
}

/** Resolves when the stream has begun. */
function subscribe(port: number, path: string, found: number[]): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let started = false
    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.on('data', (chunk: string) => {
      const nowMs = performance.timeOrigin + performance.now()
      if (started) for (const [, offset] of chunk.matchAll(OFFSET)) found.push(Number(offset), nowMs)
      else if (chunk.includes('event: position')) {
        started = true
        resolve(socket)
      } else if (!chunk.startsWith('HTTP/1.1 200')) reject(new Error(`${path} was answered with ${chunk}`))
    })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  })
}

export default work
