import type { Env, Job, JobStatus, Table } from '@millrace/core'
import { unusedOutputs, versionedName } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { BehaviorSubject, type Observable } from 'rxjs'
import { type Container, startContainer } from './container/container.ts'
import type { ContainerOptions } from './container/container-options.ts'
import { type JobView, JobViews } from './views/job-view.ts'
import type { ServedView } from './views/served-view.ts'
import { startViewServer, type ViewServer, type ViewServerOptions } from './views/view-server.ts'

/** Announces to others where a process answers. */
export interface Announcement {
  /** Ends the announcement: called when the process stops answering. */
  withdraw(): void
}

/** Where a process serves the views of its job, and to which clients. */
export interface JobServerOptions extends Omit<ViewServerOptions, 'job' | 'views' | 'status' | 'env'> {
  /** Announces to others where the process answers, once it runs. Default: not announced. */
  readonly announce?: (url: string) => Announcement
}

/** What a process runs a job with. The caller keeps the log, and closes it when the job has ended in this process. */
export interface RunOptions extends Omit<ContainerOptions, 'job' | 'env' | 'address' | 'onNotice'> {
  /** The outside world. Default: Node's. */
  readonly env?: Env
  /**
   * Serves the views over HTTP. Default: they are not served, and only this process reads its part of them; no other process of
   * the job can answer for that part.
   */
  readonly server?: JobServerOptions
  /**
   * Called with what the user should know, one line each: a store that was rebuilt, and why; an output that belongs to no job.
   * Default: a warning of the process, which Node prints.
   */
  readonly onNotice?: (message: string) => void
}

/** A job that runs in this process, or this process's part of it. */
export interface RunningJob {
  /** The URL of the views, such as `http://127.0.0.1:4711`; undefined if they are not served. */
  readonly url: string | undefined
  /** The views of the job, each with the parts that this process has. */
  readonly views: readonly ServedView[]
  /** The job's condition, reported a few times a second; late subscribers get the last report at once. Completes at the end. */
  readonly status: Observable<JobStatus>
  /**
   * The view of a table, as this process has it: what is committed, and nothing else. Throws `VIEW_MISSING` for a table that is
   * not an output of the job. Reads of it reject with `VIEW_INCOMPLETE` while other processes have a part of it.
   *
   * ```ts
   * const total = await running.view(totals).get('ann')
   * ```
   */
  view<T extends Table<unknown, unknown>>(table: T): JobView<T>
  /** See `Container.caughtUp`. */
  caughtUp(): Promise<void>
  /**
   * Resolves when the job has stopped in this process: after `stop`, or with `untilEnd` at the end. Rejects with the error that
   * stopped it; in that case nothing was committed in part.
   */
  readonly done: Promise<void>
  /** Stops answering requests, commits what was processed, and ends. Never rejects for the reason that `done` rejects with. */
  stop(): Promise<void>
}

/** A job whose views this process serves. */
export interface ServedJob extends RunningJob {
  readonly url: string
}

/**
 * Runs a job in this process, or joins it if other processes run it. Resolves when its tasks are restored and running. If the
 * start is refused, it closes everything again and throws: see `startContainer` and `startViewServer`.
 *
 * ```ts
 * const running = await runJob(job, { log, stateDirectory: '.millrace/state' })
 * process.once('SIGTERM', () => running.stop())
 * await running.done
 * ```
 */
export function runJob(job: Job, options: RunOptions & { readonly server: JobServerOptions }): Promise<ServedJob>
export function runJob(job: Job, options: RunOptions): Promise<RunningJob>
export async function runJob(job: Job, options: RunOptions): Promise<RunningJob> {
  const { env = nodeEnv(), server, onNotice = warn, ...others } = options
  for (const message of unusedOutputs(job)) onNotice(message)
  const start = (address?: string) =>
    startContainer({ ...others, job, env, onNotice, ...(address !== undefined && { address }) })
  return server === undefined ? unserved(job, await start()) : runServed(job, env, server, start)
}

function warn(message: string): void {
  process.emitWarning(message, 'MillraceWarning')
}

function unserved(job: Job, container: Container): RunningJob {
  return { ...container, ...viewsOf(job, container), url: undefined }
}

function viewsOf({ name }: Job, container: Container): Pick<RunningJob, 'view'> {
  const views = new JobViews(name, container.views)
  return { view: (table) => views.view(table) }
}

async function runServed(
  job: Job,
  env: Env,
  { announce, ...options }: JobServerOptions,
  start: (address: string) => Promise<Container>,
): Promise<ServedJob> {
  const views: ServedView[] = []
  const restoring: JobStatus = {
    job: versionedName(job),
    phase: 'restoring',
    atMs: env.clock.monotonic(),
    tasks: [],
    problems: [],
  }
  const status = new BehaviorSubject(restoring)
  // The server comes first, so that a port in use stops the start before anything is processed.
  const server = await startViewServer({ ...options, job: versionedName(job), views, status: () => status.value, env })
  try {
    const container = await start(server.address)
    views.push(...container.views)
    container.status.subscribe(status)
    return await served(job, server, container, announce)
  } catch (error) {
    await server.close()
    throw error
  }
}

/** The job once its tasks run. If it cannot be announced, stops the container and rejects. */
async function served(
  job: Job,
  server: ViewServer,
  container: Container,
  announce: JobServerOptions['announce'],
): Promise<ServedJob> {
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
    ...container,
    ...viewsOf(job, container),
    url: server.url,
    done,
    stop: async () => {
      // Stop answering requests first, then close the stores.
      await server.close().finally(() => container.stop())
      await done.catch(() => undefined)
    },
  }
}
