import type { ChangeOptions, NodeClient, UndeployedJob } from '@millrace/client'
import type { JobReport } from '@millrace/core'
import { Command, InvalidArgumentError } from 'commander'
import { type DataOptions, dataArgument, dataOption, jsonOption } from '../data-option.ts'
import { badUsage } from '../input-error.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable, printableLines } from '../terminal/printable.ts'
import { positiveNumber } from '../values.ts'
import { author, type WhyOptions, whyOption } from './author.ts'
import { findNode } from './find-node.ts'
import { releaseText } from './history.ts'
import { printStatus } from './status.ts'

interface ChangeCommandOptions extends DataOptions, WhyOptions {
  readonly json?: boolean
}

/** The commands that change a deployed job, and need nothing but its name. */
export function changeCommands(io: Io): readonly Command[] {
  return [
    command(io, new Command('stop').description('Stops a job: it commits, and stays deployed.'), (node, job, options) =>
      node.stop(job, options),
    ),
    command(
      io,
      new Command('drain').description('Processes everything that the inputs of a job hold, and stops it.').addHelpText(
        'after',
        `
What is appended to the inputs after the drain has begun is left for the next start. A window stays open if no record has passed its
end and its grace: records that come after the next start still count in it, and its final result comes when it closes. "millrace
stop" ends a drain that takes too long.`,
      ),
      (node, job, options) => node.drain(job, options),
    ),
    command(
      io,
      new Command('start').description('Starts a job that was stopped, or has failed.'),
      (node, job, options) => node.start(job, options),
    ),
    command(
      io,
      new Command('restart').description('Replaces the containers of a job by others that run the same, one by one.'),
      (node, job, options) => node.restart(job, options),
    ),
    command(
      io,
      new Command('rollback').description('Returns to what ran before the last deploy.').addHelpText(
        'after',
        `
The code and the settings return, and the records in the output topics stay. If the deploy has changed the stores of the job, its state
and its positions return too, to how they were before the deploy: what came since then is processed again, and not appended again to
the outputs. If not, they stay. A second rollback undoes the first.`,
      ),
      rollback(io),
    ),
    scaleCommand(io),
    undeployCommand(io),
  ]
}

type Change = (node: NodeClient, job: string, options: ChangeOptions) => Promise<JobReport>

function command(io: Io, named: Command, change: Change): Command {
  return withOptions(named.argument('<job>', 'the name of the job')).action(
    async (job: string, options: ChangeCommandOptions) => {
      const node = await findNode(options.data)
      printChanged(io, await change(node, job, changeOptions(io, options)), options)
    },
  )
}

function rollback(io: Io): Change {
  return async (node, job, options) => {
    const { deployment } = await node.job(job)
    if (deployment.previous !== null) {
      io.stderr.write(
        `Returns from ${releaseText(deployment.release)} to ${releaseText(deployment.previous)}. Outputs stay as they are, and so do state and ` +
          'positions if the stores are the same\n',
      )
    }
    return node.rollback(job, options)
  }
}

function scaleCommand(io: Io): Command {
  const scale = new Command('scale')
    .description('Changes the number of containers of a job.')
    .argument('<job>', 'the name of the job')
    .argument('[containers]', 'how many', positiveNumber)
    .option('--auto <min..max>', 'let the node choose between these numbers, by the lag of the job', bounds)
    .addHelpText(
      'after',
      `
With --auto, a job that is more than ten seconds behind for 15 s gets one more container, up to one for each task. A job that has been
less than a second behind for five minutes loses one. A number alone ends that.

Examples:
  $ millrace scale flight-delays 3
  $ millrace scale flight-delays --auto 1..4`,
    )
  return withOptions(scale).action(
    async (job: string, containers: number | undefined, options: ScaleCommandOptions) => {
      const { auto } = options
      if ((containers === undefined) === (auto === undefined)) {
        throw badUsage('Give either a number of containers or --auto <min..max>')
      }
      const node = await findNode(options.data)
      printChanged(io, await node.scale(job, auto ?? containers ?? 1, changeOptions(io, options)), options)
    },
  )
}

interface ScaleCommandOptions extends ChangeCommandOptions {
  readonly auto?: { readonly min: number; readonly max: number }
}

function bounds(text: string): ScaleCommandOptions['auto'] {
  const [, min, max] = /^(\d+)\.\.(\d+)$/.exec(text) ?? []
  if (min !== undefined && max !== undefined) return { min: Number(min), max: Number(max) }
  throw new InvalidArgumentError('Give two numbers, such as 1..4.')
}

function undeployCommand(io: Io): Command {
  const undeploy = new Command('undeploy')
    .description('Stops a job, and forgets it. What it has computed stays on disk, and is listed.')
    .argument('<job>', 'the name of the job')
    .option('--purge', 'delete what it has computed for itself: its own topics and its state. Its outputs stay')
  return withOptions(undeploy).action(async (job: string, options: UndeployCommandOptions) => {
    const node = await findNode(options.data)
    const { purge = false } = options
    const undeployed = await node.undeploy(job, { ...changeOptions(io, options), purge })
    if (options.json === true) io.stdout.write(`${jsonLine(io, undeployed)}\n`)
    else printUndeployed(io, job, undeployed, options)
  })
}

interface UndeployCommandOptions extends ChangeCommandOptions {
  readonly purge?: boolean
}

function printUndeployed(
  io: Io,
  job: string,
  { topics, stateDirectory }: UndeployedJob,
  { purge = false, data }: UndeployCommandOptions,
): void {
  io.stderr.write(`${printable(job)} is no longer deployed\n`)
  const verb = purge ? 'Deleted' : 'Still there:'
  for (const topic of topics) io.stdout.write(`${verb} topic ${printable(topic)}\n`)
  if (stateDirectory !== null) io.stdout.write(`${verb} the local state in ${printable(stateDirectory)}\n`)
  if (purge || topics.length === 0) return
  io.stderr.write(`To delete this: millrace reset ${printable(job)} --yes${dataArgument(data)}\n`)
}

function withOptions(named: Command): Command {
  return named.addOption(whyOption()).addOption(jsonOption()).addOption(dataOption())
}

/** What a change is requested with: who, why, and where its steps are printed. */
export function changeOptions(io: Io, options: WhyOptions): ChangeOptions {
  return { ...author(options), onStep: (step) => io.stderr.write(`  ${printableLines(step)}\n`) }
}

/** Prints a job after a change. */
export function printChanged(io: Io, report: JobReport, { json = false }: { readonly json?: boolean }): void {
  if (json) io.stdout.write(`${jsonLine(io, report)}\n`)
  else printStatus(io, report)
}
