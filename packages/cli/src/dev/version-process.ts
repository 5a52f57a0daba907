import { resolve } from 'node:path'
import { formatPosition, type Job, type Log } from '@millrace/core'
import { deadLettersOf, type Topology, toTopology, unusedOutputs, versionedName } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import type { ServedJob } from '@millrace/runtime'
import { openLog } from '../data-option.ts'
import { readJob } from '../jobs/job-file.ts'
import { jobServer } from '../jobs/job-server.ts'
import type { Io } from '../terminal/io.ts'
import { createMissingTopics } from './created-topics.ts'
import { endWithParent } from './end-with-parent.ts'
import { type LimitedLines, REPORT_MS } from './limited-lines.ts'
import { type OutputTopic, outputTopics, TopicRecords } from './topic-records.ts'
import { VersionChannel } from './version-channel.ts'
import type { StartOrder } from './version-messages.ts'
import type { VersionOptions } from './version-options.ts'
import { ViewChanges } from './view-changes.ts'

/** Runs a version until the command that started it stops it, or is gone. */
export async function runVersion(io: Io, file: string, options: VersionOptions): Promise<void> {
  endWithParent()
  const stop = new AbortController()
  const channel = new VersionChannel(() => stop.abort())
  const { signal } = stop
  io.stopSignal().addEventListener('abort', () => stop.abort(), { once: true })
  try {
    const job = await readJob(resolve(file), options.check, { stop: signal, stderr: io.stderr })
    const log = await openLog(options.data)
    try {
      const order = await loaded(job, log, options, channel, signal)
      if (order !== undefined) await start(io, job, log, options, order, channel, signal)
    } finally {
      await log.close()
    }
  } catch (error) {
    if (!(signal.aborted && error === signal.reason)) await channel.failed(error)
  } finally {
    channel.close()
  }
}

/** Reports what a start would mean, and waits for the order. Undefined if the version is not wanted. */
async function loaded(
  job: Job,
  log: Log,
  { acceptLoss }: VersionOptions,
  channel: VersionChannel,
  signal: AbortSignal,
): Promise<StartOrder | undefined> {
  const createdTopics = await createMissingTopics(log, job)
  const topology = toTopology(job)
  const { planJob } = await import('@millrace/runtime')
  const plan = await planJob(job, { log, env: nodeEnv(), acceptLoss: ownStores(topology, acceptLoss) })
  if (signal.aborted) return undefined
  channel.send({
    kind: 'loaded',
    plan,
    views: topology.views.map(({ name }) => name),
    topics: topicsOf(topology).map(({ name }) => name),
    createdTopics,
    notes: unusedOutputs(),
  })
  const aborted = new Promise<undefined>((done) => {
    signal.addEventListener('abort', () => done(undefined), { once: true })
  })
  return Promise.race([channel.started, aborted])
}

/** The names that the job has stores of. The author may have removed a store. */
function ownStores({ subtopologies }: Topology, names: readonly string[]): string[] {
  const stores = new Set(subtopologies.flatMap((each) => each.stores.map(({ name }) => name)))
  return names.filter((name) => stores.has(name))
}

function topicsOf(topology: Topology): OutputTopic[] {
  return outputTopics(topology, deadLettersOf(topology))
}

async function start(
  io: Io,
  job: Job,
  log: Log,
  options: VersionOptions,
  { acceptLoss, reset }: StartOrder,
  channel: VersionChannel,
  signal: AbortSignal,
): Promise<void> {
  const { resetJob, runJob } = await import('@millrace/runtime')
  const stateDirectory = resolve(options.data, 'state')
  if (reset) await resetJob({ job: versionedName(job), log, env: nodeEnv(), stateDirectory })
  const isShown = shownBy(options)
  const topology = toTopology(job)
  const topics = topicsOf(topology).filter(({ name }) => isShown('topic', name))
  const records = await TopicRecords.open(log, topics)
  const reading = new AbortController()
  const read = records.run(reading.signal)
  let running: ServedJob | undefined
  const end = () => void running?.stop()
  // Its failure is that of the version.
  read.catch(end)
  try {
    running = await runJob(job, {
      log,
      stateDirectory,
      acceptLoss: [...ownStores(topology, options.acceptLoss), ...acceptLoss],
      signal,
      onNotice: (text) => channel.send({ kind: 'note', text }),
      onRestore: (progress) => channel.send({ kind: 'restoring', progress }),
      server: jobServer(io, job, options.data, options),
    })
    const views = running.views.filter(({ name }) => isShown('view', name)).map((view) => new ViewChanges(view))
    const report = reportOutputs(channel, records, views)
    channel.send({ kind: 'running', url: running.url, notes: completenessOf(running) })
    running.status.subscribe((status) => channel.send({ kind: 'status', status }))
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    try {
      await running.done
    } finally {
      reading.abort()
      await read.finally(() => report.end())
    }
  } finally {
    reading.abort()
  }
}

type IsShown = (of: 'view' | 'topic', name: string) => boolean

/** If views or topics are chosen, nothing else is shown. */
function shownBy({ quiet = false, view, topic }: VersionOptions): IsShown {
  if (quiet) return () => false
  if (view.length + topic.length === 0) return () => true
  return (of, name) => (of === 'view' ? view : topic).includes(name)
}

function completenessOf({ views }: ServedJob): string[] {
  return views.flatMap(({ name, completeFrom }) => {
    const from = formatPosition(completeFrom)
    return from === '' ? [] : [`View ${name} counts from ${from} on, not from the start of its inputs`]
  })
}

/** Reports, again and again, what is to be shown. */
function reportOutputs(
  channel: VersionChannel,
  records: TopicRecords,
  views: readonly ViewChanges[],
): { readonly end: () => void } {
  const all: readonly LimitedLines[] = [...views.map(({ lines }) => lines), ...records.lines]
  const report = () => {
    for (const lines of all) {
      const output = lines.take(performance.now())
      if (output !== undefined) channel.send(output)
    }
    for (const view of views) view.follow()
  }
  report()
  const timer = setInterval(report, REPORT_MS)
  return {
    end() {
      clearInterval(timer)
      for (const view of views) view.end()
      for (const lines of all) {
        const output = lines.end()
        if (output !== undefined) channel.send(output)
      }
    },
  }
}
