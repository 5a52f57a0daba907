import type { Deployment, DeploymentEvent, Release } from '@millrace/core'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable } from '../terminal/printable.ts'
import { printRows, type Row } from '../terminal/table.ts'
import { positiveNumber } from '../values.ts'
import { findNode } from './find-node.ts'
import { shortId } from './short-id.ts'

interface HistoryOptions extends DataOptions {
  readonly json?: boolean
  readonly limit?: number
}

export function historyCommand(io: Io): Command {
  return new Command('history')
    .description('Lists what was done to a job: when, who, what, which artefact, and why.')
    .argument('<job>', 'the name of the job, also of one that is no longer deployed')
    .option('-n, --limit <number>', 'how many of the last changes (default: 100)', positiveNumber)
    .addOption(jsonOption())
    .addOption(dataOption())
    .action(async (job: string, { data, limit, json = false }: HistoryOptions) => {
      const events = await (await findNode(data)).history(job, limit === undefined ? {} : { limit })
      if (json) for (const event of events) io.stdout.write(`${jsonLine(io, event)}\n`)
      else if (events.length > 0) printRows(io, events.map(rowOf), false)
      else io.stderr.write(`Nothing was done to a job ${printable(job)}\n`)
    })
}

function rowOf({ atMs, by, action, deployment, why, error, savepoint }: DeploymentEvent): Row {
  return {
    time: new Date(atMs).toISOString(),
    by,
    action: savepoint === undefined ? action : `${action} ${savepoint}`,
    revision: deployment?.revision ?? '',
    runs: runs(deployment),
    why: why ?? error?.message ?? '',
  }
}

function runs(deployment: Deployment | null): string {
  if (deployment === null) return 'not deployed'
  const { desired, release } = deployment
  return desired === 'running' ? releaseText(release) : `${releaseText(release)}, ${desired}`
}

/** A release in a few words. */
export function releaseText({ artefact, settings }: Release): string {
  return `${shortId(artefact)} in ${settings.containers === 1 ? '1 container' : `${settings.containers} containers`}`
}
