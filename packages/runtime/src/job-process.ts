import type { JobStatus } from '@millrace/core'
import { BehaviorSubject, type Observable } from 'rxjs'
import { type Container, startContainer } from './container/container.ts'
import type { ContainerOptions } from './container/container-options.ts'
import type { ServedView } from './views/served-view.ts'
import { startViewServer, type ViewServer, type ViewServerOptions } from './views/view-server.ts'

/** Announces to others where a process answers. */
export interface Announcement {
  withdraw(): void
}

/** What a process that runs a job is started with. The caller keeps the log, and closes it when the process has ended. */
export interface ProcessOptions extends Omit<ContainerOptions, 'address'> {
  /** Where the views are served, and to which clients. */
  readonly server: Omit<ViewServerOptions, 'job' | 'views' | 'status' | 'env'>
  /** Announces to others where the process answers, once it runs. Default: not announced. */
  readonly announce?: (url: string) => Announcement
}

/** A process's part of a job: its tasks, and the server that answers for them. */
export interface JobProcess {
  /** The URL of the views: `http://127.0.0.1:4711`. */
  readonly url: string
  readonly views: readonly ServedView[]
  /** The container's status: see `Container.status`. */
  readonly status: Observable<JobStatus>
  /** Settles as the container's `done` does, once the server is closed too. */
  readonly done: Promise<void>
  /** Stops answering requests, commits what was processed, and ends. Never rejects for the reason that `done` rejects with. */
  stop(): Promise<void>
}

/**
 * Runs a job in this process, or joins it if other processes run it, and serves its views. Resolves when its tasks are
 * restored and running. If the start is refused, it closes everything again and throws: see `startContainer` and
 * `startViewServer`.
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

/** The process once its tasks run. If it cannot be announced, stops the container and rejects. */
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
  // Both `stop` and `done` report a failure; if only one is observed, the other must not become an unhandled rejection.
  done.catch(() => undefined)
  return {
    url: server.url,
    views: container.views,
    status,
    done,
    stop: async () => {
      // Stop answering requests first, then close the stores.
      await server.close().finally(() => container.stop())
      await done.catch(() => undefined)
    },
  }
}
