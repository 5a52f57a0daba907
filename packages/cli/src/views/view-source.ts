import { MillraceClient, type ViewDescription } from '@millrace/client'
import { formatPosition, RefusedError } from '@millrace/core'
import { keyFromText } from '@millrace/core/internal'
import { Option } from 'commander'
import type { DataOptions } from '../data-option.ts'
import { findRunningJob } from '../jobs/announced-jobs.ts'
import type { Io } from '../terminal/io.ts'

/** Which running job is asked. */
export interface SourceOptions extends DataOptions {
  readonly url?: string
  readonly job?: string
}

/** A view, and the job that serves it. */
export interface FoundView {
  readonly client: MillraceClient
  readonly view: ViewDescription
  readonly url: string
}

export function urlOption(): Option {
  return new Option('--url <url>', 'where the job answers (default: the job that runs on the data directory)')
}

export function jobOption(): Option {
  return new Option('--job <name>', 'which job, where several run on the data directory')
}

/** Finds the running job, and its view of that name; throws `JOB_NOT_RUNNING` and `VIEW_MISSING`. */
export async function findView(name: string, options: SourceOptions): Promise<FoundView> {
  const url = options.url ?? (await findRunningJob(options.data, options.job)).url
  const client = new MillraceClient(url)
  const views = await client.views()
  const view = views.find((candidate) => candidate.name === name)
  if (view !== undefined) return { client, view, url }
  const names = views.map((candidate) => candidate.name).join(', ')
  throw new RefusedError(
    'VIEW_MISSING',
    `The job at ${url} has no view ${JSON.stringify(name)}; it has ${names === '' ? 'none' : names}`,
  )
}

/** Says on stderr if a view does not count from the start of its inputs: what it shows is not all. */
export function noteCompleteness(io: Io, { name, completeFrom }: ViewDescription): void {
  if (completeFrom === undefined) return
  io.stderr.write(`View ${name} counts from ${formatPosition(completeFrom)} on, not from the start of its inputs\n`)
}

/** A key as it is written on a command line: text where the view's keys are strings, else JSON. */
export function keyOf(view: ViewDescription, text: string): unknown {
  return keyFromText({ name: view.key, fromJson: (json: unknown) => json }, text)
}
