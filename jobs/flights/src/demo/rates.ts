import type { JobStatus, TaskStatus } from '@millrace/core'

/** A task in a few numbers. */
export interface TaskLine {
  readonly task: string
  readonly processed: number
  readonly perSecond: number
  readonly lag: number
}

/** Makes rates of the difference between a status and one about `windowMs` before it. */
export class Rates {
  readonly #windowMs: number
  #past: JobStatus[] = []

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  add(status: JobStatus): readonly TaskLine[] {
    if (this.#past.at(-1)?.atMs !== status.atMs) this.#past.push(status)
    while (this.#past.length > 2 && (this.#past[1]?.atMs ?? 0) < status.atMs - this.#windowMs) this.#past.shift()
    const before = this.#past[0]
    return status.tasks.map((task) => {
      const earlier = before?.tasks.find((other) => other.task === task.task)
      const processed = task.counts.processed - (earlier?.counts.processed ?? 0)
      const elapsedMs = status.atMs - (before?.atMs ?? status.atMs)
      const perSecond = elapsedMs > 0 ? (processed * 1000) / elapsedMs : 0
      return { task: task.task, processed: task.counts.processed, perSecond, lag: lagOf(task) }
    })
  }
}

function lagOf(task: TaskStatus): number {
  return task.inputs.reduce((lag, { offset, endOffset }) => lag + Math.max(0, endOffset - offset), 0)
}
