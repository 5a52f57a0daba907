import { resolve } from 'node:path'
import type { JobReport, MillraceError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import type { RescaleResult } from '@millrace/runtime'
import { Command } from 'commander'
import { type DataOptions, dataArgument, dataOption, jsonOption, withLog } from '../data-option.ts'
import { badInput } from '../input-error.ts'
import { type WhyOptions, whyOption } from '../node/author.ts'
import { changeOptions } from '../node/changes.ts'
import { runningNode } from '../node/find-node.ts'
import { counted } from '../terminal/amounts.ts'
import { canChoose, readChoice } from '../terminal/choice.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable, printableLines } from '../terminal/printable.ts'
import { positiveNumber } from '../values.ts'
import { JobsOnNode } from './jobs-on-node.ts'
import { rescaledText, rescalePlanText } from './rescale-text.ts'

interface RescaleCommandOptions extends DataOptions, WhyOptions {
  readonly partitions: number
  readonly repeatOutputs?: boolean
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

export function rescaleCommand(io: Io): Command {
  return new Command('rescale')
    .description(
      'Gives a topic another number of partitions, with all its records; jobs that read it compute everything again.',
    )
    .argument('<topic>', 'the name of the topic')
    .requiredOption('--partitions <count>', 'how many partitions it gets', positiveNumber)
    .option('--repeat-outputs', 'let the jobs that read the topic append all their outputs again')
    .option('--dry-run', 'print what would be done, and change nothing')
    .option('--yes', 'begin without a question')
    .addOption(whyOption())
    .addOption(jsonOption())
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
The plan is printed first. The records of each key keep their order. Nothing can be appended to the topic meanwhile, and programs that
have it open must open it again afterwards. The jobs that read it must have processed everything: those that the node runs are drained,
and started again at the end; others must be stopped. What they have appended to their outputs, they do not append again. SIGINT ends
the command after its present step, and starts the jobs again; a second one exits at once.

Examples:
  $ millrace rescale orders --partitions 4 --dry-run
  $ millrace rescale orders --partitions 4 --yes --why "two containers are not enough"`,
    )
    .action((topic: string, options: RescaleCommandOptions) =>
      withLog(options, 'refuse', (log) => rescale(io, log, topic, options)),
    )
}

type OpenLog = Parameters<Parameters<typeof withLog>[2]>[0]

async function rescale(io: Io, log: OpenLog, topic: string, options: RescaleCommandOptions): Promise<void> {
  const { partitions, repeatOutputs = false, data, json = false, dryRun = false } = options
  const { planRescale, rescaleTopic } = await import('@millrace/runtime')
  const where = { log, env: nodeEnv(), data: resolve(data), stateDirectory: resolve(data, 'state') }
  const plan = await planRescale(where, topic, partitions)
  const { why = `topic ${topic} gets ${counted(partitions, 'partition')}` } = options
  const change = changeOptions(io, { why })
  const { onStep: onProgress } = change
  const node = await runningNode(data)
  const jobs = new JobsOnNode(node, change)
  const onNode = new Map<string, JobReport | undefined>()
  for (const job of plan.jobs) onNode.set(job, await jobs.find(job))
  if (plan.from !== plan.to || dryRun) io.stderr.write(rescalePlanText(plan, onNode, repeatOutputs))
  if (dryRun) {
    if (json) io.stdout.write(`${jsonLine(io, plan)}\n`)
    return
  }
  const signal = io.stopSignal()
  if (plan.from !== plan.to && !(await isWanted(io, options, signal))) throw nothingChanged(topic, options)
  const stop = (names: readonly string[]) => jobs.drain(names)
  const steps = onProgress === undefined ? {} : { onProgress }
  const how = { repeatOutputs, signal, ...(node !== undefined && { stop }), ...steps }
  let result: RescaleResult | undefined
  try {
    result = await rescaleTopic(where, topic, partitions, how)
  } catch (error) {
    throw signal.aborted && error === signal.reason ? nothingChanged(topic, options) : error
  } finally {
    const started = await jobs.startAgain()
    if (result !== undefined && !json) io.stdout.write(rescaledText(result, started, onNode, data))
    for (const { job, problem } of started) {
      if (problem === null) continue
      io.stderr.write(`Job ${printable(job)} does not run: ${printableLines(problem)}\n`)
      io.stderr.write(`To start it again: millrace start ${printable(job)}${dataArgument(data)}\n`)
    }
  }
  if (json) io.stdout.write(`${jsonLine(io, result)}\n`)
}

function nothingChanged(
  topic: string,
  { partitions, repeatOutputs = false, data }: RescaleCommandOptions,
): MillraceError {
  const command = `millrace rescale ${printable(topic)} --partitions ${partitions}${repeatOutputs ? ' --repeat-outputs' : ''}`
  return badInput(`Nothing was changed. To rescale the topic, run "${command} --yes${dataArgument(data)}"`)
}

async function isWanted(io: Io, { yes = false }: RescaleCommandOptions, signal: AbortSignal): Promise<boolean> {
  if (yes) return true
  if (!canChoose(io)) return false
  return (await readChoice(io, 'Rescale the topic? y or n? ', signal)) === 'y'
}
