import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type JobStatus, type Log, RefusedError } from '@millrace/core'
import { choicesOf } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { openLog } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { Progress } from '../terminal/progress.ts'
import type { FoundView, SourceOptions } from './view-source.ts'

/**
 * A view of a job that does not run. This process serves what the job had committed, until it is closed. Throws `notRunning`
 * if no job that ever ran has the view, `BAD_INPUT` if several have it, `VIEW_MISSING`, and whatever else `openStoppedView`
 * throws.
 */
export async function openStopped(
  io: Io,
  name: string,
  options: Pick<SourceOptions, 'data' | 'job'>,
  notRunning: unknown,
): Promise<FoundView> {
  if (!existsSync(options.data)) throw notRunning
  const log = await openLog(options.data)
  try {
    return await openOn(log, io, name, options, notRunning)
  } catch (error) {
    await log.close()
    throw error
  }
}

async function openOn(
  log: Log,
  io: Io,
  name: string,
  { data, job }: Pick<SourceOptions, 'data' | 'job'>,
  notRunning: unknown,
): Promise<FoundView> {
  const { knownJobs, openStoppedView, startViewServer } = await import('@millrace/runtime')
  const { MillraceClient } = await import('@millrace/client')
  const env = nodeEnv()
  const known = await knownJobs({ log, env }, job)
  const having = known.filter(({ stores }) => stores.includes(name))
  const [first] = having.length > 0 ? having : known
  if (first === undefined || (having.length === 0 && known.length > 1)) throw notRunning
  if (having.length > 1) {
    const names = choicesOf(having.map((each) => each.job)).join(', ')
    throw new RefusedError(
      'BAD_INPUT',
      `No job runs on ${resolve(data)}, and several jobs have had a view ${name}: ${names}. Choose one with --job`,
    )
  }
  const progress = new Progress(io, 'changelog records read')
  const { view, committedAtMs, close } = await openStoppedView({
    job: first,
    view: name,
    log,
    env,
    stateDirectory: resolve(data, 'state'),
    onRestore: ({ done, total }) => progress.update(done, total),
  }).finally(() => progress.end())
  const status: JobStatus = { job: first.job, phase: 'stopped', atMs: env.clock.monotonic(), tasks: [], problems: [] }
  const token = env.random.uuid()
  const server = await startViewServer({ job: first.job, views: [view], status: () => status, env, token })
  const client = new MillraceClient(server.url, { token })
  const [described] = await client.views()
  if (described === undefined) throw notRunning
  const when =
    committedAtMs === null
      ? 'it has committed nothing yet'
      : `the view is as it was committed at ${timeText(committedAtMs)}`
  io.stderr.write(`Job ${printable(first.job)} does not run: ${when}\n`)
  return {
    view: described,
    client,
    close: async () => {
      await server.close()
      await close()
      await log.close()
    },
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString()
}
