/** A thread that counts up in a file: what `nodeHeartbeats` starts. It uses nothing but Node, so that it starts fast. */
import { openSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'

export interface HeartbeatOrder {
  readonly path: string
  readonly intervalMs: number
}

const { path, intervalMs }: HeartbeatOrder = workerData
const bytes = Buffer.alloc(8)
let fd: number | undefined
let beats = 0

function beat(): void {
  fd ??= open()
  if (fd === undefined) return
  bytes.writeDoubleBE(++beats)
  writeSync(fd, bytes, 0, bytes.length, 0)
}

/** The file; undefined while there is none. */
function open(): number | undefined {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

setInterval(beat, intervalMs)
parentPort?.postMessage('started')
