/**
 * The thread that counts up in the files of a process's heartbeats: what `nodeHeartbeats` starts. It uses nothing but Node,
 * so that it starts fast.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

/** Starts a heartbeat, or stops the one with this id. */
export type HeartbeatOrder =
  | { readonly kind: 'start'; readonly id: number; readonly path: string; readonly intervalMs: number }
  | { readonly kind: 'stop'; readonly id: number }

/** What became of a heartbeat: one that has failed is over. An error between threads loses its properties, so they go apart. */
export type HeartbeatReport =
  | { readonly kind: 'started'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly error: unknown; readonly properties: object }

class Heartbeat {
  readonly #path: string
  readonly #bytes = Buffer.alloc(8)
  readonly #timer: NodeJS.Timeout
  #fd: number | undefined
  #beats = 0

  constructor(path: string, intervalMs: number, failed: (error: object) => void) {
    this.#path = path
    this.#timer = setInterval(() => {
      try {
        this.#beat()
      } catch (error) {
        failed(error instanceof Error ? error : new Error(String(error)))
      }
    }, intervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    if (this.#fd !== undefined) closeSync(this.#fd)
  }

  #beat(): void {
    this.#fd ??= openIfThere(this.#path)
    if (this.#fd === undefined) return
    this.#bytes.writeDoubleBE(++this.#beats)
    writeSync(this.#fd, this.#bytes, 0, this.#bytes.length, 0)
  }
}

/** Undefined if the file does not exist. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

const heartbeats = new Map<number, Heartbeat>()

function stop(id: number): void {
  heartbeats.get(id)?.stop()
  heartbeats.delete(id)
}

function report(what: HeartbeatReport): void {
  parentPort?.postMessage(what)
}

parentPort?.on('message', (order: HeartbeatOrder) => {
  if (order.kind === 'stop') {
    stop(order.id)
    return
  }
  const { id, path, intervalMs } = order
  const heartbeat = new Heartbeat(path, intervalMs, (error) => {
    stop(id)
    report({ kind: 'failed', id, error, properties: { ...error } })
  })
  heartbeats.set(id, heartbeat)
  report({ kind: 'started', id })
})
