import { resolve } from 'node:path'
import type { NodeClient } from '@millrace/client'
import type { JobSettings } from '@millrace/core'
import { Command, Option } from 'commander'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import { readJob } from '../jobs/job-file.ts'
import { printPlan } from '../jobs/plan.ts'
import { repeatable } from '../repeatable.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { positiveDurationMs, positiveNumber, sizeBytes, wholeNumber } from '../values.ts'
import { type WhyOptions, whyOption } from './author.ts'
import { changeOptions, printChanged } from './changes.ts'
import { findNode, runningNode } from './find-node.ts'
import { shortId } from './short-id.ts'
import { NODE_PORT, startDaemon } from './up.ts'

interface DeployCommandOptions extends DataOptions, WhyOptions {
  readonly json?: boolean
  readonly containers?: number
  readonly guarantee?: JobSettings['guarantee']
  readonly commitInterval?: number
  readonly heap?: number
  readonly disk?: number
  readonly standbys?: number
  readonly acceptLoss: readonly string[]
  readonly start?: boolean
  readonly dryRun?: boolean
  readonly check: boolean
}

export function deployCommand(io: Io): Command {
  return withOptions(new Command('deploy'))
    .description('Deploys a job on the node: starts it, or replaces the version that runs.')
    .option('--start', 'start a node in the background if none runs')
    .addHelpText(
      'after',
      `
The job is bundled with everything that it imports, and sent to the node. If the job already runs there, its containers are
replaced one after the other, and no record is lost or counted twice; settings that are not given stay. If the new version fails
within its first seconds, what ran before continues.

Examples:
  $ millrace deploy job.ts
  $ millrace deploy job.ts --containers 2 --why "count late flights too"`,
    )
    .action((file: string, options: DeployCommandOptions) => deploy(io, file, options, false))
}

export function upgradeCommand(io: Io): Command {
  return withOptions(new Command('upgrade'))
    .description('As "millrace deploy", for a job that is already deployed: otherwise it is refused.')
    .action((file: string, options: DeployCommandOptions) => deploy(io, file, options, true))
}

function withOptions(command: Command): Command {
  return command
    .argument('<job.ts>', 'a module whose default export is a job')
    .option('--containers <number>', 'how many processes share the job (default: as before, or 1)', positiveNumber)
    .addOption(
      new Option('--guarantee <guarantee>', 'as in "millrace run" (default: as before, or exactly-once)').choices([
        'exactly-once',
        'at-least-once',
      ]),
    )
    .option(
      '--commit-interval <time>',
      'how often state, positions and outputs become durable (default: as before, or 100ms)',
      positiveDurationMs,
    )
    .option(
      '--standbys <number>',
      "how many warm copies of each task's state other containers keep (default: as before, or 0)",
      wholeNumber,
    )
    .option('--heap <size>', "the limit of each container's heap, such as 512m (default: Node's)", sizeBytes)
    .option(
      '--disk <size>',
      'stop the job when its own topics and its state take this much, such as 20g (default: as before, or no limit)',
      sizeBytes,
    )
    .addOption(repeatable('--accept-loss <store>', 'a store that may lose what it holds; may be repeated'))
    .option('--dry-run', 'print what would change, as "millrace plan" does, and change nothing')
    .addOption(whyOption())
    .option('--no-check', 'skip the type check')
    .addOption(jsonOption())
    .addOption(dataOption())
}

async function deploy(io: Io, file: string, options: DeployCommandOptions, mustExist: boolean): Promise<void> {
  if (options.dryRun === true) return printPlan(io, await readJob(resolve(file), options.check), options)
  const node = options.start === true ? undefined : await findNode(options.data)
  const stop = io.stopSignal()
  const [{ bundleJob }, { encodeArtefact }] = await Promise.all([
    import('../artefact/bundle-job.ts'),
    import('@millrace/runtime'),
  ])
  const artefact = await bundleJob(resolve(file), { check: options.check, stop, stderr: io.stderr })
  const { id, manifest } = artefact
  io.stderr.write(`Job ${printable(manifest.job)} is bundled: artefact ${shortId(id)}\n`)
  for (const { name, version, reason } of manifest.externals) {
    io.stderr.write(`  without package ${printable(name)} ${printable(version)}, because ${printable(reason)}\n`)
  }
  const to = node ?? (await startedNode(io, options))
  if (mustExist) await to.job(manifest.job)
  await to.upload(encodeArtefact(artefact))
  const { acceptLoss } = options
  const report = await to.deploy(id, { ...changeOptions(io, options), settings: settingsIn(options), acceptLoss })
  printChanged(io, report, options)
}

async function startedNode(io: Io, { data }: DataOptions): Promise<NodeClient> {
  const node = await runningNode(data)
  if (node !== undefined) return node
  await startDaemon(io, { data, port: NODE_PORT, allowHost: [], allowOrigin: [] })
  return findNode(data)
}

function settingsIn({
  containers,
  guarantee,
  commitInterval,
  heap,
  disk,
  standbys,
}: DeployCommandOptions): Partial<JobSettings> {
  return {
    ...(containers !== undefined && { containers }),
    ...(guarantee !== undefined && { guarantee }),
    ...(commitInterval !== undefined && { commitIntervalMs: commitInterval }),
    ...(heap !== undefined && { heapBytesMax: heap }),
    ...(disk !== undefined && { diskBytesMax: disk }),
    ...(standbys !== undefined && { standbys }),
  }
}
