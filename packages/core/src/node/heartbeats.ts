import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Heartbeats } from '../contracts/env.ts'
import type { HeartbeatOrder } from './heartbeat-thread.ts'

/** The thread's code is a file of its own: a source file here, compiled in the published package. */
const THREAD = new URL(`./heartbeat-thread${extname(import.meta.url)}`, import.meta.url)

/** The thread has next to nothing in memory, in megabytes: without limits V8 would plan for as much as the process has. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 }

/** Each heartbeat is a thread: the kernel stops it with the process, and nothing that the process computes delays it. */
export function nodeHeartbeats(): Heartbeats {
  return {
    start(path, intervalMs, failed) {
      const order: HeartbeatOrder = { path, intervalMs }
      // What the process was started with (loaders, conditions, a debugger) is not for this thread.
      const worker = new Worker(THREAD, { workerData: order, execArgv: [], env: {}, resourceLimits: RESOURCE_LIMITS })
      worker.unref()
      const started = Promise.withResolvers<void>()
      let over = false
      const end = (error: unknown) => {
        if (over) return
        over = true
        started.reject(error)
        failed(error)
      }
      worker.once('message', () => started.resolve())
      worker.once('error', end)
      worker.once('exit', (code) => end(new Error(`The thread of the heartbeat in ${path} ended with ${code}`)))
      const stop = () => {
        over = true
        worker.terminate().catch(() => undefined)
      }
      return started.promise.then(() => ({ stop }))
    },
  }
}
