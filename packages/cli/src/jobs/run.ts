import { resolve } from 'node:path'
import type { Job, Log } from '@millrace/core'
import { unusedOutputs, versionedName } from '@millrace/core/internal'
import type { Guarantee } from '@millrace/runtime'
import { Command, Option } from 'commander'
import { type DataOptions, dataOption, openLog } from '../data-option.ts'
import { badUsage } from '../input-error.ts'
import { repeatable } from '../repeatable.ts'
import type { Io } from '../terminal/io.ts'
import { printableLines } from '../terminal/printable.ts'
import { portNumber, positiveDurationMs, wholeNumber } from '../values.ts'
import { JobDisplay } from './job-display.ts'
import { readJob } from './job-file.ts'
import { jobServer } from './job-server.ts'

interface RunOptions extends DataOptions {
  readonly untilEnd?: boolean
  readonly closeWindows?: boolean
  readonly port: number
  readonly commitInterval?: number
  readonly guarantee: Guarantee
  readonly acceptLoss: readonly string[]
  readonly standbys: number
  readonly allowOrigin: readonly string[]
  readonly upgrade?: boolean
  readonly check: boolean
}

export function runCommand(io: Io): Command {
  return new Command('run')
    .description('Runs a job until Ctrl-C, and serves its views on this machine.')
    .argument('<job.ts>', 'a module whose default export is a job')
    .option('--until-end', 'process what is in the topics now, commit, and exit')
    .option(
      '--close-windows',
      'with --until-end: let everything come out that waits for time, such as the last windows',
    )
    .option('--port <port>', 'the port of the view server; 0 for any free port', portNumber, 0)
    .option(
      '--commit-interval <time>',
      'how often state, positions and outputs become durable (default: 100ms)',
      positiveDurationMs,
    )
    .addOption(repeatable('--allow-origin <origin>', 'web pages of this origin may read the views; may be repeated'))
    .addOption(
      new Option(
        '--guarantee <guarantee>',
        'exactly-once: outputs are visible at each commit; at-least-once: within milliseconds, some twice after a crash',
      )
        .choices(['exactly-once', 'at-least-once'])
        .default('exactly-once'),
    )
    .addOption(
      repeatable('--accept-loss <store>', 'a store that may start empty if it cannot continue; may be repeated'),
    )
    .option(
      '--upgrade',
      'for a changed job: wait until the processes of the old job have ended, then continue with their state',
    )
    .option(
      '--standbys <n>',
      'how many other processes keep a copy of each task, to take it over at once',
      wholeNumber,
      0,
    )
    .option('--no-check', 'skip the type check')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
The TypeScript of this command checks the types of the job file. Then the file runs as it is, without a build step.
Several processes can run a job on one data directory. They share its tasks, and if one dies, the others take its tasks. All
processes of a job must have the same guarantee. With --standbys 1, another process follows the state of each task, and takes the
task over without a restore.
The start is refused if a store missed records, or is now computed in another way. With --accept-loss the store starts empty, and
its view reports from which position it counts. "millrace plan <job.ts>" shows this before the start. After "millrace reset <job>" everything is computed again.
SIGTERM and SIGINT commit what was processed, and exit with 0. A second signal exits at once: the next start
processes again what was not committed.

Examples:
  $ millrace run job.ts
  $ millrace run job.ts --until-end --close-windows
  $ millrace run job.ts --port 4711 --data /var/lib/millrace`,
    )
    .action((file: string, options: RunOptions) => run(io, file, options))
}

async function run(io: Io, file: string, options: RunOptions): Promise<void> {
  if (options.closeWindows === true && options.untilEnd !== true) {
    throw badUsage('--close-windows needs --until-end: without it, the inputs have no end')
  }
  const stop = io.stopSignal()
  const job = await readJob(resolve(file), options.check, { stop, stderr: io.stderr }).catch((error: unknown) => {
    // A signal ends the loading, and Ctrl-C also ends the compiler. What the compiler prints then is not about the job.
    if (!stop.aborted) throw error
  })
  if (job === undefined || stop.aborted) return
  // `runJob` reports those that read a topic of the job.
  const reported = unusedOutputs(job)
  for (const message of unusedOutputs()) {
    if (!reported.includes(message)) io.stderr.write(printableLines(`${message}\n`))
  }
  const log = await openLog(options.data)
  try {
    await runOn(io, job, options, stop, log)
  } finally {
    await log.close()
  }
}

async function runOn(io: Io, job: Job, options: RunOptions, stop: AbortSignal, log: Log): Promise<void> {
  const { runJob } = await import('@millrace/runtime')
  const display = new JobDisplay(io, versionedName(job), options.untilEnd === true)
  const server = jobServer(io, job, options.data, options)
  try {
    const running = await runJob(job, {
      log,
      stateDirectory: resolve(options.data, 'state'),
      ...(options.commitInterval !== undefined && { commitIntervalMs: options.commitInterval }),
      guarantee: options.guarantee,
      acceptLoss: options.acceptLoss,
      standbys: options.standbys,
      untilEnd: options.untilEnd === true,
      closeWindows: options.closeWindows === true,
      upgrade: options.upgrade === true,
      signal: stop,
      onNotice: (message) => display.notice(message),
      onRestore: (progress) => display.restoring(progress),
      server,
    })
    display.started(running.url, running.views, options.data)
    const end = () => void running.stop()
    if (stop.aborted) end()
    else stop.addEventListener('abort', end, { once: true })
    running.status.subscribe((status) => display.update(status))
    await running.done
    display.ended()
  } catch (error) {
    display.clear()
    // It was stopped while it waited: it has changed nothing.
    if (stop.aborted && error === stop.reason) return
    throw error
  }
}
