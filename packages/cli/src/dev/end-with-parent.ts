import { Worker } from 'node:worker_threads'

/** How often a process looks whether its parent still runs. */
const LOOK_MS = 500
/** What a process may take for its last commit, when it is to end. A commit takes less than a second. */
export const LAST_COMMIT_MS = 5_000

/** What the thread is started with. */
interface ParentWatch {
  readonly parent: number
  readonly lookMs: number
  readonly lastCommitMs: number
}

/**
 * Ends this process some time after its parent has died, whatever its code is doing: the code of a job that is being written may
 * loop without an end. A process that can, ends itself before that.
 */
export function endWithParent(): void {
  const workerData: ParentWatch = { parent: process.ppid, lookMs: LOOK_MS, lastCommitMs: LAST_COMMIT_MS }
  // What the process was started with (loaders, conditions, a debugger) does not apply to this thread.
  const worker = new Worker(`(${watchParent})()`, { eval: true, execArgv: [], env: {}, workerData })
  worker.unref()
}

/** The thread. It is started from this function's text, so that the function can use nothing from outside it. */
function watchParent(): void {
  const { workerData }: { workerData: ParentWatch } = process.getBuiltinModule('node:worker_threads')
  const { parent, lookMs, lastCommitMs } = workerData
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), lastCommitMs)
  }, lookMs)
}
