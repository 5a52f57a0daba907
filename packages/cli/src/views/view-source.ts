import type { MillraceClient, ViewDescription } from '@millrace/client'
import { formatPosition, RefusedError, RetriableError } from '@millrace/core'
import { amount, keyFromText } from '@millrace/core/internal'
import { Option } from 'commander'
import type { DataOptions } from '../data-option.ts'
import { announcedJobs, findRunningJob } from '../jobs/announced-jobs.ts'
import { chosenToken } from '../jobs/job-token.ts'
import { socketFetch } from '../jobs/socket-fetch.ts'
import type { Io } from '../terminal/io.ts'
import { httpUrl } from '../values.ts'

/** Which running job is asked. */
export interface SourceOptions extends DataOptions {
  readonly url?: string
  readonly job?: string
}

/** A process that answers for a view: for all of it, or for its `parts`. */
export interface ViewSource {
  readonly client: MillraceClient
  readonly parts: readonly number[]
}

/** A view, and those that serve it: one that has all of it, or all that have something of it. */
export interface FoundView {
  readonly view: ViewDescription
  readonly sources: readonly ViewSource[]
  /** The parts that no process serves now. */
  readonly missing: readonly number[]
  /** To be called when the view was read: what serves it may be this process. */
  close(): Promise<void>
}

export function urlOption(): Option {
  return new Option(
    '--url <url>',
    'where the job answers (default: the job that runs on the data directory)',
  ).argParser(httpUrl)
}

export function jobOption(): Option {
  return new Option('--job <name>', 'which job, where several run on the data directory')
}

/** Finds the running job, and its view of that name; throws `JOB_NOT_RUNNING` and `VIEW_MISSING`. */
export async function findView(io: Io, name: string, options: SourceOptions): Promise<FoundView> {
  const clients = await clientsOf(io, options)
  const described = await Promise.all(clients.map(({ client }) => client.views()))
  const views = described.flatMap((list, at) => {
    const view = list.find((candidate) => candidate.name === name)
    const client = clients[at]?.client
    return view === undefined || client === undefined ? [] : [{ client, view, parts: view.parts }]
  })
  const [first] = views
  if (first === undefined) {
    const names = (described[0] ?? []).map((view) => view.name).join(', ')
    throw new RefusedError(
      'VIEW_MISSING',
      `The job at ${clients[0]?.url} has no view ${JSON.stringify(name)}; it has ${names === '' ? 'none' : names}`,
    )
  }
  const whole = views.find(({ view, parts }) => parts.length >= view.partitions)
  if (whole !== undefined) return { view: whole.view, sources: [whole], missing: [], close: nothingToClose }
  const all = Array.from({ length: first.view.partitions }, (_, part) => part)
  const missing = all.filter((part) => !views.some(({ parts }) => parts.includes(part)))
  const sources = views.filter(({ parts }) => parts.length > 0)
  return { view: first.view, sources, missing, close: nothingToClose }
}

async function nothingToClose(): Promise<void> {}

/** The error for a view of which no process serves some parts: what they hold would be missing. */
export function partsMissing({ view, missing }: FoundView): RetriableError {
  const [parts, are] = missing.length === 1 ? ['part', 'is'] : ['parts', 'are']
  return new RetriableError(
    'VIEW_INCOMPLETE',
    `View ${view.name} has ${amount(view.partitions, 'part')}, and no process that answers serves ${parts} ${missing.join(', ')}, which ` +
      `${are} being restored or moved; try again in a moment`,
    { store: view.name },
  )
}

/** The error for parts that went to another process while they were read: some entries may have been seen twice or not at all. */
export function partsMoved({ view }: FoundView): RetriableError {
  return new RetriableError(
    'VIEW_INCOMPLETE',
    `Parts of view ${view.name} moved to another process while they were read; try again`,
    { store: view.name },
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

async function clientsOf(
  io: Io,
  { data, job, url }: SourceOptions,
): Promise<{ url: string; client: MillraceClient }[]> {
  if (url === undefined) return [...(await findRunningJob(data, job))]
  const token = chosenToken(io.env)
  // The address of a process that has a socket in the data directory: only its owner may use that.
  const { socket } = announcedJobs(data).find((process) => process.url === url) ?? {}
  const connection = socket === undefined ? token !== undefined && { token } : { fetch: socketFetch(socket) }
  const { MillraceClient } = await import('@millrace/client')
  return [{ url, client: new MillraceClient(url, connection || {}) }]
}
