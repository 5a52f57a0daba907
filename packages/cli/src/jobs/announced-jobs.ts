import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { MillraceClient } from '@millrace/client'
import { RefusedError } from '@millrace/core'
import { choicesOf, isMeant } from '@millrace/core/internal'
import { socketFetch } from '@millrace/core/node'
import { storedToken } from './job-token.ts'

/** How long a job may take to answer that it runs. */
const ANSWER_MS = 2000
const SUFFIX = '.json'

/** A process that has announced that it runs a job on a data directory. */
export interface AnnouncedJob {
  readonly job: string
  readonly url: string
  /** The socket on which the process also answers; absent on systems without sockets. */
  readonly socket?: string
  readonly pid: number
}

/** A process that runs a job, and answers queries. */
export interface RunningProcess extends AnnouncedJob {
  readonly client: MillraceClient
}

/** Writes the address of this process's part of a job into the data directory, for `query` and `watch` to find. */
export function announceJob(data: string, announced: AnnouncedJob): { withdraw(): void } {
  const directory = resolve(data, 'jobs')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = announcementPath(data, announced)
  // Renamed into place: a reader never reads half a file.
  const temporary = `${path}.${announced.pid}.new`
  writeFileSync(temporary, JSON.stringify(announced), { mode: 0o600 })
  renameSync(temporary, path)
  return {
    withdraw() {
      if (readAnnounced(path)?.url === announced.url) rmSync(path, { force: true })
    },
  }
}

/**
 * The processes that run a job on a data directory: the job of that name, or without a name the only job. If the name means
 * several versions, only one of them may run. A killed process leaves its file behind until the next
 * one starts, so a request to each process checks that it runs. Throws `JOB_NOT_RUNNING` if no such job runs, `BAD_INPUT` if one of several must be chosen.
 */
export async function findRunningJob(data: string, name: string | undefined): Promise<readonly RunningProcess[]> {
  const announced = announcedJobs(data).filter(({ job }) => name === undefined || isMeant(job, name))
  const answers = await Promise.all(announced.map((process) => running(data, process)))
  const found = answers.filter((process) => process !== undefined)
  const jobs = new Set(found.map(({ job }) => job))
  if (found.length === 0) {
    throw new RefusedError(
      'JOB_NOT_RUNNING',
      `No job ${name === undefined ? '' : `${name} `}runs on ${resolve(data)}. Start one ("millrace run <job.ts>"), name its data ` +
        'directory (--data), or give its URL (--url)',
    )
  }
  if (jobs.size === 1) return found
  throw new RefusedError(
    'BAD_INPUT',
    `Several jobs run on ${resolve(data)}: ${choicesOf([...jobs]).join(', ')}. Choose one with --job`,
  )
}

/** The announcements in the data directory. Some of the processes may no longer run. */
export function announcedJobs(data: string): readonly AnnouncedJob[] {
  const directory = resolve(data, 'jobs')
  let names: string[]
  try {
    names = readdirSync(directory).filter((name) => name.endsWith(SUFFIX))
  } catch {
    return []
  }
  return names.sort().flatMap((name) => readAnnounced(join(directory, name)) ?? [])
}

/** The path of the announcement of a process in the data directory. */
export function announcementPath(data: string, { job, pid }: Pick<AnnouncedJob, 'job' | 'pid'>): string {
  // Several processes may run one job. No job's name can contain the `@` between its name and the process's number.
  return join(resolve(data, 'jobs'), `${job}@${pid}${SUFFIX}`)
}

function readAnnounced(path: string): AnnouncedJob | undefined {
  try {
    const json: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isAnnounced(json) ? json : undefined
  } catch {
    return undefined
  }
}

function isAnnounced(json: unknown): json is AnnouncedJob {
  if (typeof json !== 'object' || json === null) return false
  if ('socket' in json && typeof json.socket !== 'string') return false
  return 'job' in json && typeof json.job === 'string' && 'url' in json && typeof json.url === 'string' && 'pid' in json
}

/** The process, with a client that queries it for the job; undefined if the process does not answer. */
async function running(data: string, announced: AnnouncedJob): Promise<RunningProcess | undefined> {
  // Another program may use the port by now.
  if ((await answeringJob(data, announced)) !== announced.job) return undefined
  const { MillraceClient } = await import('@millrace/client')
  return { ...announced, client: new MillraceClient(announced.url, connectionTo(data, announced)) }
}

/** The job for which the place of an announcement answers; undefined if nothing answers there in time, or no job does. */
export async function answeringJob(
  data: string,
  announced: AnnouncedJob,
  withinMs = ANSWER_MS,
): Promise<string | undefined> {
  const connect = connectionTo(data, announced)
  const withinTime: typeof fetch = (input, init) =>
    connect.fetch(input, { ...init, signal: AbortSignal.timeout(withinMs) })
  const { MillraceClient } = await import('@millrace/client')
  return new MillraceClient(announced.url, { ...connect, fetch: withinTime }).status().then(
    ({ job }) => job,
    () => undefined,
  )
}

/** If the job has a socket, the token is not sent: another program that uses the port now would learn it. */
function connectionTo(data: string, { socket }: AnnouncedJob) {
  if (socket !== undefined) return { fetch: socketFetch(socket) }
  const token = storedToken(data)
  return { fetch, ...(token !== undefined && { token }) }
}
