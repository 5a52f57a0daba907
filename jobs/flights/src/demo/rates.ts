import type { JobStatus, TaskStatus } from '@millrace/core'

/** A task in a few numbers. */
export interface TaskLine {
  readonly task: string
  readonly processed: number
  readonly perSecond: number
  /** The records of the task that came from source topics: a record that passes a repartition topic counts once. */
  readonly fromSources: number
  readonly fromSourcesPerSecond: number
  readonly lag: number
}

/** Computes rates from the difference between a status and one about `windowMs` before it. */
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
      const elapsedMs = status.atMs - (before?.atMs ?? status.atMs)
      const rate = (count: (task: TaskStatus) => number) => {
        const counted = count(task) - (earlier === undefined ? 0 : count(earlier))
        return elapsedMs > 0 ? (counted * 1000) / elapsedMs : 0
      }
      return {
        task: task.task,
        processed: processedBy(task),
        perSecond: rate(processedBy),
        fromSources: fromSources(task),
        fromSourcesPerSecond: rate(fromSources),
        lag: lagOf(task),
      }
    })
  }
}

function processedBy({ counts }: TaskStatus): number {
  return counts.processed
}

function fromSources({ counts }: TaskStatus): number {
  return counts.processed - counts.repartitioned
}

function lagOf(task: TaskStatus): number {
  return task.inputs.reduce((lag, { offset, endOffset }) => lag + Math.max(0, endOffset - offset), 0)
}
