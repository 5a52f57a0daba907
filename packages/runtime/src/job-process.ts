import type { JobStatus } from '@millrace/core'
import { BehaviorSubject, type Observable } from 'rxjs'
import { type Container, startContainer } from './container/container.ts'
import type { ContainerOptions } from './container/container-options.ts'
import type { ServedView } from './views/served-view.ts'
import { startViewServer, type ViewServer, type ViewServerOptions } from './views/view-server.ts'

/** What says to others where a process answers. */
export interface Announcement {
  withdraw(): void
}

/** What a process that runs a job is started with. The log stays the caller's, who closes it when the process has ended. */
export interface ProcessOptions extends Omit<ContainerOptions, 'address'> {
  /** Where and to whom the views are served. */
  readonly server: Omit<ViewServerOptions, 'job' | 'views' | 'status' | 'env'>
  /** Says to others where the process answers, once it runs. Default: nobody hears of it. */
  readonly announce?: (url: string) => Announcement
}

/** A process's part of a job: its tasks, and the server that answers for them. */
export interface JobProcess {
  /** Where the views are served: `http://127.0.0.1:4711`. */
  readonly url: string
  readonly views: readonly ServedView[]
  /** As of the container: see `Container.status`. */
  readonly status: Observable<JobStatus>
  /** Settles as the container's does, when the server is closed too. */
  readonly done: Promise<void>
  /** Answers no more requests, commits what was processed, and ends. Never rejects for what `done` rejects with. */
  stop(): Promise<void>
}

/**
 * Runs a job in this process, or joins it where others run it, and serves its views. Resolves when its tasks are restored and
 * running. Throws, with everything closed again, what refuses the start: see `startContainer` and `startViewServer`.
 */
export async function startProcess(options: ProcessOptions): Promise<JobProcess> {
  const { job, env, announce } = options
  const views: ServedView[] = []
  const restoring: JobStatus = {
    job: job.name,
    phase: 'restoring',
    atMs: env.clock.monotonic(),
    tasks: [],
    problems: [],
  }
  const status = new BehaviorSubject(restoring)
  // The server comes first, so that a port in use stops the start before anything is processed.
  const server = await startViewServer({ ...options.server, job: job.name, views, status: () => status.value, env })
  try {
    const container = await startContainer({ ...options, address: server.address })
    views.push(...container.views)
    container.status.subscribe(status)
    return await running(server, container, status, announce)
  } catch (error) {
    await server.close()
    throw error
  }
}

/** The process once its tasks run. Rejects, with the container stopped, where it cannot be announced. */
async function running(
  server: ViewServer,
  container: Container,
  status: Observable<JobStatus>,
  announce: ProcessOptions['announce'],
): Promise<JobProcess> {
  let announced: Announcement | undefined
  try {
    announced = announce?.(server.url)
  } catch (error) {
    await container.stop()
    throw error
  }
  const done = container.done.finally(async () => {
    announced?.withdraw()
    await server.close()
  })
  // `stop` and `done` both tell of a failure; one unobserved is no unhandled rejection.
  done.catch(() => undefined)
  return {
    url: server.url,
    views: container.views,
    status,
    done,
    stop: async () => {
      // First nobody is answered any more, then the stores close.
      await server.close().finally(() => container.stop())
      await done.catch(() => undefined)
    },
  }
}
