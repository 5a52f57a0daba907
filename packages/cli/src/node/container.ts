import { resolve } from 'node:path'
import type { Job, Log } from '@millrace/core'
import { versionedName } from '@millrace/core/internal'
import type { Guarantee } from '@millrace/runtime'
import { Command, Option } from 'commander'
import pc from 'picocolors'
import { type DataOptions, dataOption, openLog } from '../data-option.ts'
import { jobServer } from '../jobs/job-server.ts'
import { makePlan, printPlan } from '../jobs/plan.ts'
import { repeatable } from '../repeatable.ts'
import type { Io } from '../terminal/io.ts'
import { portNumber, positiveDurationMs, wholeNumber } from '../values.ts'
import { CHANNEL_VARIABLE } from './container-messages.ts'
import { type ContainerReporter, NodeReport, TerminalReport } from './container-reports.ts'

interface ContainerCommandOptions extends DataOptions {
  readonly port: number
  readonly commitInterval?: number
  readonly guarantee: Guarantee
  readonly acceptLoss: readonly string[]
  readonly standbys: number
  readonly untilEnd?: boolean
  readonly plan?: boolean
  readonly allowOrigin: readonly string[]
}

export function containerCommand(io: Io): Command {
  return new Command('container')
    .description('Runs one container of a deployed job: what "millrace up" starts.')
    .argument('<artefact>', 'the id of the artefact')
    .option('--port <port>', 'the port of the view server; 0 for any free port', portNumber, 0)
    .option(
      '--commit-interval <time>',
      'how often state, positions and outputs become durable (default: 100ms)',
      positiveDurationMs,
    )
    .addOption(repeatable('--allow-origin <origin>', 'web pages of this origin may read the views; may be repeated'))
    .addOption(
      new Option('--guarantee <guarantee>', 'as in "millrace run"')
        .choices(['exactly-once', 'at-least-once'])
        .default('exactly-once'),
    )
    .option('--standbys <number>', 'as in "millrace run"', wholeNumber, 0)
    .addOption(repeatable('--accept-loss <store>', 'a store that starts empty if it cannot continue; may be repeated'))
    .option('--until-end', 'process what is in the topics now, commit, and exit')
    .option('--plan', 'show what its start would change, as "millrace plan" does, and exit')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
A node starts this command for each container. Another scheduler may start it too, beside a node or without one: all containers
of a job share its tasks. If others run the job as it was before a change, the container waits until they have ended, and
continues with their state. SIGTERM commits what was processed, and exits with 0.

Examples:
  $ millrace container 3f2a…91 --data /var/lib/millrace`,
    )
    .action((artefact: string, options: ContainerCommandOptions) => container(io, artefact, options))
}

async function container(io: Io, artefact: string, options: ContainerCommandOptions): Promise<void> {
  const stop = new AbortController()
  const end = () => stop.abort()
  const { signal } = stop
  io.stopSignal().addEventListener('abort', end, { once: true })
  const report = io.env[CHANNEL_VARIABLE] === 'node' && process.connected ? new NodeReport(end) : undefined
  try {
    const [{ importArtefact }, { artefactDirectory }] = await Promise.all([
      import('../artefact/import-artefact.ts'),
      import('@millrace/runtime'),
    ])
    const job = await importArtefact(artefactDirectory(resolve(options.data), artefact))
    if (signal.aborted) return
    if (options.plan === true) return await plan(io, job, options, report)
    const log = await openLog(options.data)
    try {
      await runContainer(
        io,
        job,
        options,
        signal,
        report ?? new TerminalReport(io, versionedName(job), options.data),
        log,
      )
    } finally {
      await log.close()
    }
  } catch (error) {
    // It was stopped while it waited: it has changed nothing.
    if (signal.aborted && error === signal.reason) return
    await report?.failed(error)
    throw error
  }
}

async function plan(io: Io, job: Job, options: ContainerCommandOptions, report: NodeReport | undefined): Promise<void> {
  if (report === undefined) return printPlan(io, job, options)
  const [made, { planText }] = await Promise.all([makePlan(job, options), import('../jobs/plan-text.ts')])
  report.planned({ plan: made, text: planText(made, pc.createColors(false)) })
}

async function runContainer(
  io: Io,
  job: Job,
  options: ContainerCommandOptions,
  signal: AbortSignal,
  report: ContainerReporter,
  log: Log,
): Promise<void> {
  const { runJob } = await import('@millrace/runtime')
  const server = jobServer(io, job, options.data, options)
  const running = await runJob(job, {
    log,
    stateDirectory: resolve(options.data, 'state'),
    ...(options.commitInterval !== undefined && { commitIntervalMs: options.commitInterval }),
    guarantee: options.guarantee,
    acceptLoss: options.acceptLoss,
    standbys: options.standbys,
    untilEnd: options.untilEnd === true,
    upgrade: true,
    signal,
    server,
    ...report.callbacks,
  })
  report.running(running, server.socket === undefined ? running.url : `unix:${server.socket}`)
  const end = () => void running.stop()
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
  await running.done
  report.ended(!signal.aborted)
}
