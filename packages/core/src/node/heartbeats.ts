import { Worker } from 'node:worker_threads'
import type { Heartbeat, Heartbeats } from '../contracts/env.ts'
import { beatInFiles, type HeartbeatOrder, type HeartbeatReport } from './heartbeat-thread.ts'

/**
 * Limits for the memory of the thread, in megabytes: it holds next to nothing. Without limits V8 would plan for as much as the
 * process has.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 }

/** The thread of this process. A thread costs as much as everything else that a small job does when it starts. */
let ofProcess: HeartbeatThread | undefined

/** Heartbeats are a thread: the kernel stops it with the process, and nothing that the process computes delays it. */
export function nodeHeartbeats(): Heartbeats {
  return {
    start(path, intervalMs, failed) {
      if (ofProcess === undefined || ofProcess.over) ofProcess = new HeartbeatThread()
      return ofProcess.start(path, intervalMs, failed)
    },
  }
}

interface Started {
  readonly begun: PromiseWithResolvers<void>
  readonly failed: (error: unknown) => void
}

/** A thread that beats for any number of members, until the process ends. */
class HeartbeatThread {
  over = false
  readonly #worker: Worker
  readonly #started = new Map<number, Started>()
  #lastId = 0
  #waiting = 0

  constructor() {
    // What the process was started with (loaders, conditions, a debugger) does not apply to this thread.
    const settings = { eval: true, execArgv: [], env: {}, resourceLimits: RESOURCE_LIMITS }
    this.#worker = new Worker(`(${beatInFiles})()`, settings)
    this.#worker.on('message', ({ id, failed }: HeartbeatReport) => {
      if (failed === undefined) this.#started.get(id)?.begun.resolve()
      else this.#fail(id, Object.assign(new Error(failed.message), failed.fields))
    })
    this.#worker.once('error', (error) => this.#end(error))
    this.#worker.once('exit', (code) => this.#end(new Error(`The thread of the heartbeats ended with ${code}`)))
  }

  async start(path: string, intervalMs: number, failed: (error: unknown) => void): Promise<Heartbeat> {
    const id = ++this.#lastId
    const begun = Promise.withResolvers<void>()
    this.#started.set(id, { begun, failed })
    this.#order({ id, begin: { path, intervalMs } })
    await this.#wait(begun.promise)
    return {
      stop: () => {
        if (this.#started.delete(id)) this.#order({ id })
      },
    }
  }

  /** Only a heartbeat that has not begun yet keeps the process alive. */
  async #wait(begun: Promise<void>): Promise<void> {
    this.#waiting++
    this.#worker.ref()
    try {
      await begun
    } finally {
      if (--this.#waiting === 0) this.#worker.unref()
    }
  }

  #order(order: HeartbeatOrder): void {
    this.#worker.postMessage(order)
  }

  #fail(id: number, error: unknown): void {
    const started = this.#started.get(id)
    this.#started.delete(id)
    started?.begun.reject(error)
    started?.failed(error)
  }

  #end(error: unknown): void {
    this.over = true
    for (const id of this.#started.keys()) this.#fail(id, error)
  }
}
