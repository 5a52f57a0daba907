import { type JobStatus, RefusedError } from '@millrace/core'
import { versionedName } from '@millrace/core/internal'
import type { Observable } from 'rxjs'
import type { ServedView } from '../views/served-view.ts'
import type { ContainerOptions } from './container-options.ts'
import { RunningContainer } from './running-container.ts'

/** A running job, or this process's part of it. */
export interface Container {
  /** The job's condition, reported a few times a second; late subscribers get the last report at once. Completes at the end. */
  readonly status: Observable<JobStatus>
  /** The views of the job, each with the parts that this container has. */
  readonly views: readonly ServedView[]
  /**
   * Resolves when this container's tasks have processed and committed everything that their inputs had at the call, and what
   * that has caused; a status is reported before. Records that do not stop coming may delay it. Rejects as `done` does, and
   * with `JOB_NOT_RUNNING` if the container stops before.
   */
  caughtUp(): Promise<void>
  /**
   * Resolves when the container has stopped: after `stop`, or with `untilEnd` when everything that was there at the start is
   * processed and committed by all containers that run with `untilEnd`. Otherwise rejects with the error that stopped the
   * container; in that case nothing was committed in part.
   */
  readonly done: Promise<void>
  /**
   * Commits what was processed and ends. Resolves when everything is closed; never rejects for the reason that `done`
   * rejects with.
   */
  stop(): Promise<void>
}

/**
 * Starts a job in this process, or joins it if other processes run it: makes the job's own topics, takes its share of the
 * tasks, restores their state and runs them. Resolves when the first tasks that it got are restored and running. If the
 * start is refused, it closes everything again and throws: `JOB_INVALID`, `TOPIC_MISSING`, `JOB_RUNNING`, `JOB_CHANGED`,
 * `UNSUPPORTED`, `STATE_SERDE_CHANGED` or one of the log's own errors.
 */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const container = await RunningContainer.open(options)
  const done = container.run().then(
    () => container.close(),
    async (error: unknown) => {
      // Report the error that stopped the container, whatever closing it throws afterwards.
      await container.close().catch(() => undefined)
      throw error
    },
  )
  // Both `stop` and `done` report a failure; if only one is observed, the other must not become an unhandled rejection.
  done.catch(() => undefined)
  return {
    status: container.status,
    views: container.views,
    caughtUp: () => Promise.race([container.caughtUp(), stopped(versionedName(options.job), done)]),
    done,
    stop: async () => {
      container.requestStop()
      await done.catch(() => undefined)
    },
  }
}

async function stopped(job: string, done: Promise<void>): Promise<never> {
  await done
  throw new RefusedError('JOB_NOT_RUNNING', `Job ${job} has stopped in this process. Start it again`, { job })
}
