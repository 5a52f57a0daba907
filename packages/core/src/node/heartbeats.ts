import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Heartbeats } from '../contracts/env.ts'
import type { HeartbeatOrder, HeartbeatReport } from './heartbeat-thread.ts'

/** The thread's code is a file of its own: a source file here, compiled in the published package. */
const THREAD = new URL(`./heartbeat-thread${extname(import.meta.url)}`, import.meta.url)

/** The thread has next to nothing in memory, in megabytes: without limits V8 would plan for as much as the process has. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 }

/** What waits for reports about one heartbeat. */
interface Waiting {
  readonly started: () => void
  readonly failed: (error: unknown) => void
}

/** The thread of this process and its heartbeats. */
class HeartbeatThread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  /** While there are any, the thread keeps the process alive. */
  readonly #starting = new Set<number>()
  #ids = 0

  constructor(ended: () => void) {
    // What the process was started with (loaders, conditions, a debugger) is not for this thread.
    this.#worker = new Worker(THREAD, { execArgv: [], env: {}, resourceLimits: RESOURCE_LIMITS })
    const end = (error: unknown) => {
      ended()
      for (const { failed } of this.#waiting.values()) failed(error)
      this.#waiting.clear()
    }
    this.#worker.on('message', (report: HeartbeatReport) => this.#report(report))
    this.#worker.once('error', end)
    this.#worker.once('exit', (code) => end(new Error(`The thread of the heartbeats ended with ${code}`)))
  }

  start(path: string, intervalMs: number, waiting: Waiting): number {
    const id = ++this.#ids
    this.#waiting.set(id, waiting)
    this.#starting.add(id)
    this.#worker.ref()
    this.#order({ kind: 'start', id, path, intervalMs })
    return id
  }

  stop(id: number): void {
    if (this.#waiting.delete(id)) this.#order({ kind: 'stop', id })
  }

  #order(order: HeartbeatOrder): void {
    this.#worker.postMessage(order)
  }

  #report(report: HeartbeatReport): void {
    const waiting = this.#waiting.get(report.id)
    if (report.kind === 'failed') {
      this.#waiting.delete(report.id)
      waiting?.failed(Object.assign(report.error as object, report.properties))
      return
    }
    this.#starting.delete(report.id)
    if (this.#starting.size === 0) this.#worker.unref()
    waiting?.started()
  }
}

/** One for all heartbeats of the process, from the first one on: a thread takes longer to start than a job. */
let thread: HeartbeatThread | undefined

function heartbeatThread(): HeartbeatThread {
  thread ??= new HeartbeatThread(() => {
    thread = undefined
  })
  return thread
}

/** A thread counts: the kernel stops it with the process, and nothing that the process computes delays it. */
export function nodeHeartbeats(): Heartbeats {
  return {
    start(path, intervalMs, failed) {
      const own = heartbeatThread()
      const started = Promise.withResolvers<void>()
      const id = own.start(path, intervalMs, {
        started: () => started.resolve(),
        failed: (error) => {
          started.reject(error)
          failed(error)
        },
      })
      return started.promise.then(() => ({ stop: () => own.stop(id) }))
    },
  }
}
