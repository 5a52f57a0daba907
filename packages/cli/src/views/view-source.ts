import type { MillraceClient, ViewDescription } from '@millrace/client'
import { formatPosition, RefusedError } from '@millrace/core'
import { keyFromText } from '@millrace/core/internal'
import { socketFetch } from '@millrace/core/node'
import { Option } from 'commander'
import type { DataOptions } from '../data-option.ts'
import { announcedJobs, findRunningJob } from '../jobs/announced-jobs.ts'
import { chosenToken } from '../jobs/job-token.ts'
import type { Io } from '../terminal/io.ts'
import { httpUrl } from '../values.ts'
import { chooseProcesses, type FollowedView, type ServingProcess } from './followed-view.ts'

/** Which running job to query. */
export interface SourceOptions extends DataOptions {
  readonly url?: string
  readonly job?: string
}

/** A view, and a process that answers queries for it. */
export interface FoundView {
  readonly view: ViewDescription
  readonly client: MillraceClient
  /** Must be called after the view was read, because this process itself may serve it. */
  close(): Promise<void>
}

export function urlOption(): Option {
  return new Option('--url <url>', 'the URL of the job (default: the job that runs on the data directory)').argParser(
    httpUrl,
  )
}

export function jobOption(): Option {
  return new Option(
    '--job <name>',
    'the job, or the version such as delays.version-2, if several run on the data directory',
  )
}

/** Finds the running job, and its view of that name; throws `JOB_NOT_RUNNING` and `VIEW_MISSING`. */
export async function findView(io: Io, name: string, options: SourceOptions): Promise<FoundView> {
  const [first] = await processesWith(io, name, options)
  return { ...first, close: async () => {} }
}

/** As `findView`, with all processes that are to be followed. Throws `VIEW_INCOMPLETE` if no process serves some part. */
export async function findParts(io: Io, name: string, options: SourceOptions): Promise<FollowedView> {
  return chooseProcesses(await processesWith(io, name, options))
}

/** The processes of the job, each with its description of the view; at least one. */
async function processesWith(
  io: Io,
  name: string,
  options: SourceOptions,
): Promise<readonly [ServingProcess, ...ServingProcess[]]> {
  const clients = await clientsOf(io, options)
  const described = await Promise.all(clients.map(({ client }) => client.views()))
  const [first, ...others] = described.flatMap((list, at) => {
    const view = list.find((candidate) => candidate.name === name)
    const client = clients[at]?.client
    return view === undefined || client === undefined ? [] : [{ client, view }]
  })
  if (first !== undefined) return [first, ...others]
  const names = (described[0] ?? []).map((view) => view.name).join(', ')
  throw new RefusedError(
    'VIEW_MISSING',
    `The job at ${clients[0]?.url} has no view ${JSON.stringify(name)}. Its views: ${names === '' ? 'none' : names}`,
  )
}

/** Reports on stderr if a view does not count from the start of its inputs: then it does not show everything. */
export function noteCompleteness(io: Io, { name, completeFrom }: ViewDescription): void {
  if (completeFrom === undefined) return
  io.stderr.write(`View ${name} counts from ${formatPosition(completeFrom)} on, not from the start of its inputs\n`)
}

/** A key as it is written on a command line: text if the view's keys are strings, otherwise JSON. */
export function keyOf(view: ViewDescription, text: string): unknown {
  return keyFromText({ name: view.key, fromJson: (json: unknown) => json }, text)
}

async function clientsOf(
  io: Io,
  { data, job, url }: SourceOptions,
): Promise<{ url: string; client: MillraceClient }[]> {
  if (url === undefined) return [...(await findRunningJob(data, job))]
  const token = chosenToken(io.env)
  // This may be the address of a process with a socket in the data directory. Only the owner of the directory may use the
  // socket.
  const { socket } = announcedJobs(data).find((process) => process.url === url) ?? {}
  const connection = socket === undefined ? token !== undefined && { token } : { fetch: socketFetch(socket) }
  const { MillraceClient } = await import('@millrace/client')
  return [{ url, client: new MillraceClient(url, connection || {}) }]
}
