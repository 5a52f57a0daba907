import { type Deployment, type Env, FatalError } from '@millrace/core'
import { findTraces } from '../reset-job.ts'
import type { SavepointsOptions } from '../savepoints/savepoints.ts'

/** How much room one job takes, and whether that is more than it may. */
export class DiskUse {
  readonly #options: Omit<SavepointsOptions, 'data'>
  #bytes: number | null = null
  #looking = false

  constructor(options: Omit<SavepointsOptions, 'data'>) {
    this.#options = options
  }

  /** What the job's own topics and its local state took at the last look, bytes; null if it has no limit, or before the first look. */
  get bytes(): number | null {
    return this.#bytes
  }

  /** Takes a look, if the job has a limit. Returns the error if it has reached it. */
  async look({ job, release: { settings } }: Deployment): Promise<FatalError | undefined> {
    // Deployments of former versions do not have the setting.
    const { diskBytesMax = null } = settings
    if (diskBytesMax === null) this.#bytes = null
    if (diskBytesMax === null || this.#looking) return undefined
    this.#looking = true
    try {
      this.#bytes = await this.#measured()
    } finally {
      this.#looking = false
    }
    return this.#bytes < diskBytesMax ? undefined : limitReached(job, this.#bytes, diskBytesMax)
  }

  async #measured(): Promise<number> {
    const { log, env } = this.#options
    const { topics, stateDirectory } = await findTraces(this.#options)
    let bytes = await bytesIn(env, stateDirectory)
    for (const topic of topics) bytes += await log.admin.sizeBytes(topic)
    return bytes
  }
}

async function bytesIn(env: Pick<Env, 'files' | 'timers'>, path: string): Promise<number> {
  const { files, timers } = env
  const stat = files.stat(path)
  if (stat === undefined || !stat.directory) return stat?.bytes ?? 0
  // A large state has thousands of files.
  await timers.turn()
  let bytes = 0
  for (const name of files.list(path)) bytes += await bytesIn(env, `${path}/${name}`)
  return bytes
}

function limitReached(job: string, bytes: number, bytesMax: number): FatalError {
  return new FatalError(
    'DISK_LIMIT_REACHED',
    `Job ${job} takes ${bytes} bytes on disk for its own topics and its state, and may take ${bytesMax}. The node stops it, which loses ` +
      'nothing. Deploy it again with a larger limit (--disk), or with steps that keep less: shorter windows, or a shorter retention of ' +
      'their results',
    { job },
  )
}
