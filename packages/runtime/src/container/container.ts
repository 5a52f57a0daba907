import type { JobStatus } from '@millrace/core'
import type { Observable } from 'rxjs'
import type { ServedView } from '../views/served-view.ts'
import type { ContainerOptions } from './container-options.ts'
import { RunningContainer } from './running-container.ts'

/** A running job, or this process's part of it. */
export interface Container {
  /** The job's condition, a few times a second; late subscribers get the last one at once. Completes at the end. */
  readonly status: Observable<JobStatus>
  readonly views: readonly ServedView[]
  /**
   * Resolves when the container has stopped: after `stop`, or with `untilEnd` when all that was there at the start is
   * processed and committed, by all containers that run so. Rejects with what stopped it otherwise; nothing was committed then that is not whole.
   */
  readonly done: Promise<void>
  /** Commits what was processed and ends. Resolves when all is closed; never rejects for what `done` rejects with. */
  stop(): Promise<void>
}

/**
 * Starts a job in this process, or joins it where others run it: makes its own topics, takes its share of the tasks,
 * restores their state and runs them. Resolves when those it got first are restored and running. Throws, with everything
 * closed again, what refuses the start: `JOB_INVALID`, `TOPIC_MISSING`, `JOB_RUNNING`, `JOB_CHANGED`, `UNSUPPORTED`,
 * `STATE_SERDE_CHANGED` and the log's own errors.
 */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const container = await RunningContainer.open(options)
  const done = container.run().then(
    () => container.close(),
    async (error: unknown) => {
      // What stopped the container is what must be told, whatever closing says after it.
      await container.close().catch(() => undefined)
      throw error
    },
  )
  // `stop` and `done` both tell of a failure; one unobserved is no unhandled rejection.
  done.catch(() => undefined)
  return {
    status: container.status,
    views: container.views,
    done,
    stop: async () => {
      container.requestStop()
      await done.catch(() => undefined)
    },
  }
}
