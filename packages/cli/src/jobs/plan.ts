import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, type Job, type JobDescription, type JobPlan, type Log, RefusedError } from '@millrace/core'
import { unusedOutputs, versionedName } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataOption, openLog } from '../data-option.ts'
import { repeatable } from '../repeatable.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printableLines } from '../terminal/printable.ts'
import { readJob } from './job-file.ts'

interface PlanOptions extends DataOptions {
  readonly acceptLoss: readonly string[]
  readonly before?: string
  readonly json?: boolean
  readonly check: boolean
}

export function planCommand(io: Io): Command {
  return new Command('plan')
    .description('Shows what a start of a job would change: what it keeps, makes and loses. Nothing is changed.')
    .argument('<job.ts>', 'a module whose default export is a job')
    .addOption(
      repeatable('--accept-loss <store>', 'a store that may start empty if it cannot continue; may be repeated'),
    )
    .option('--before <job.ts>', 'the job file as it was, to compare steps and settings (default: as deployed)')
    .option('--json', 'the plan as one JSON object')
    .option('--no-check', 'skip the type check')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
The marks: = stays, + is added, - is removed, ~ changes, ! stops the start.
The plan reads what the start would read, which is the whole changelog if stores differ. It writes nothing, and the job may run
meanwhile. If the start would be refused, the command ends with the same message and exit code as "millrace run".

Examples:
  $ millrace plan job.ts
  $ millrace plan job.ts --accept-loss delays
  $ git show HEAD:job.ts > former.ts && millrace plan job.ts --before former.ts`,
    )
    .action((file: string, options: PlanOptions) => plan(io, file, options))
}

async function plan(io: Io, file: string, options: PlanOptions): Promise<void> {
  const job = await readJob(resolve(file), options.check)
  for (const message of unusedOutputs()) io.stderr.write(printableLines(`${message}\n`))
  const former = options.before === undefined ? undefined : await readJob(resolve(options.before), false)
  await printPlan(io, job, options, former && describe(former, 'json'))
}

/** What a plan is made with. */
export interface PlanRequest extends DataOptions {
  readonly acceptLoss: readonly string[]
  readonly json?: boolean
}

/**
 * Prints what a start of the job would change. `before`: the job as it was; default: as it is deployed. Throws the reasons for
 * which the start would be refused.
 */
export async function printPlan(io: Io, job: Job, options: PlanRequest, before?: JobDescription): Promise<void> {
  const [made, { planText }] = await Promise.all([makePlan(job, options, before), import('./plan-text.ts')])
  const shown = options.json === true ? jsonLine(io, made) : planText(made, io.colors)
  io.stdout.write(`${shown}\n`)
  const [first, ...others] = made.refusals
  if (first === undefined) return
  const messages = [first.message, ...others.map(({ code, message }) => `${code}: ${message}`)]
  throw new RefusedError(first.code, messages.join('\n'), { job: made.job })
}

/** What a start of the job would change. `before`: as for `printPlan`. */
export async function makePlan(
  job: Job,
  { data, acceptLoss }: Omit<PlanRequest, 'json'>,
  before?: JobDescription,
): Promise<JobPlan> {
  const { planJob } = await import('@millrace/runtime')
  const log = await openIfThere(data)
  try {
    const former = before ?? (await deployedDescription(data, log, versionedName(job)))
    const known = former !== undefined && { before: former }
    return await planJob(job, { log, env: nodeEnv(), acceptLoss, ...known })
  } finally {
    await log.close()
  }
}

/** The job as it is deployed on the node of a data directory; undefined if it is not, or if its artefact is not there. */
async function deployedDescription(data: string, log: Log, job: string): Promise<JobDescription | undefined> {
  const { artefactDirectory, readArtefact, readDeployments } = await import('@millrace/runtime')
  const deployment = (await readDeployments(log)).get(job)
  if (deployment === undefined) return undefined
  try {
    return readArtefact(nodeEnv().files, artefactDirectory(resolve(data), deployment.release.artefact)).manifest
      .description
  } catch (error) {
    if (error instanceof RefusedError) return undefined
    throw error
  }
}

/** The log in a data directory. If there is none, an empty log in memory: a start would make an empty one, and a plan must not. */
async function openIfThere(data: string): Promise<Log> {
  const isFile = statSync(data, { throwIfNoEntry: false })?.isFile() === true
  if (isFile || existsSync(join(data, 'millrace.json'))) return openLog(data)
  const { memoryLog } = await import('@millrace/connectors/memory')
  return memoryLog()
}
