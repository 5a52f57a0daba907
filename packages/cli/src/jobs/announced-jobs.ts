import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MillraceClient } from '@millrace/client'
import { RefusedError } from '@millrace/core'

/** How long a job may take to say that it is there. */
const ANSWER_MS = 2000
const SUFFIX = '.json'

/** A job that says that it runs on a data directory. */
export interface AnnouncedJob {
  readonly job: string
  readonly url: string
  readonly pid: number
}

/** Writes where this process's part of a job answers into the data directory, for `query` and `watch` to find. */
export function announceJob(data: string, job: string, url: string): { withdraw(): void } {
  const directory = resolve(data, 'jobs')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  // Several processes may run one job. No job's name can hold what parts the two.
  const path = join(directory, `${job}@${process.pid}${SUFFIX}`)
  const announced: AnnouncedJob = { job, url, pid: process.pid }
  // Renamed into place: a reader never meets half a file.
  const temporary = `${path}.${process.pid}.new`
  writeFileSync(temporary, JSON.stringify(announced), { mode: 0o600 })
  renameSync(temporary, path)
  return {
    withdraw() {
      if (readAnnounced(path)?.url === url) rmSync(path, { force: true })
    },
  }
}

/**
 * The job that runs on a data directory: the one of that name, or the one there is. A job that was killed leaves its file
 * behind, so each is asked. Throws `JOB_NOT_RUNNING` where there is none, `BAD_INPUT` where one must be chosen.
 */
export async function findRunningJob(data: string, name: string | undefined): Promise<AnnouncedJob> {
  const announced = announcedJobs(resolve(data, 'jobs')).filter(({ job }) => name === undefined || job === name)
  const tasks = await Promise.all(announced.map(tasksOf))
  const running = announced.filter((_, index) => tasks[index] !== undefined)
  // Of the processes that run one job, the one that has most of it.
  const [first] = running.toSorted((a, b) => (tasks[announced.indexOf(b)] ?? 0) - (tasks[announced.indexOf(a)] ?? 0))
  const jobs = new Set(running.map(({ job }) => job))
  if (first === undefined) {
    throw new RefusedError(
      'JOB_NOT_RUNNING',
      `No job ${name === undefined ? '' : `${name} `}runs on ${resolve(data)}. Start one ("millrace run <job.ts>"), name its data ` +
        'directory (--data), or say where it answers (--url)',
    )
  }
  if (jobs.size === 1) return first
  throw new RefusedError(
    'BAD_INPUT',
    `Several jobs run on ${resolve(data)}: ${[...jobs].join(', ')}. Choose one with --job`,
  )
}

function announcedJobs(directory: string): AnnouncedJob[] {
  let names: string[]
  try {
    names = readdirSync(directory).filter((name) => name.endsWith(SUFFIX))
  } catch {
    return []
  }
  return names.sort().flatMap((name) => readAnnounced(join(directory, name)) ?? [])
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
  return 'job' in json && typeof json.job === 'string' && 'url' in json && typeof json.url === 'string' && 'pid' in json
}

/** How many tasks a process runs; undefined where it does not answer for the job. */
async function tasksOf({ job, url }: AnnouncedJob): Promise<number | undefined> {
  const client = new MillraceClient(url, {
    fetch: (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(ANSWER_MS) }),
  })
  // Another program may have got the port since.
  return client.status().then(
    (status) => (status.job === job ? status.tasks.length : undefined),
    () => undefined,
  )
}
