import { randomUUID } from 'node:crypto'
import type { Env } from './contracts/env.ts'
import { nodeFileSystem } from './node/file-system.ts'
import { nodeHeartbeats } from './node/heartbeats.ts'

export { socketFetch } from './node/socket-fetch.ts'

/** The adapter of `Env` for Node: the only place that reads the clock, chance and the disk. */
export function nodeEnv(): Env {
  return {
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    timers: {
      after(delayMs, callback) {
        const timer = setTimeout(callback, delayMs)
        return { cancel: () => clearTimeout(timer) }
      },
      turn: () => new Promise((resolve) => setImmediate(resolve)),
    },
    random: { next: () => Math.random(), uuid: () => randomUUID() },
    files: nodeFileSystem(),
    heartbeats: nodeHeartbeats(),
  }
}
