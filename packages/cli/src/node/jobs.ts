import type { JobReport } from '@millrace/core'
import { Command } from 'commander'
import { type DataOptions, dataArgument, dataOption, jsonOption } from '../data-option.ts'
import { rate } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine } from '../terminal/printable.ts'
import { printRows, type Row } from '../terminal/table.ts'
import { findNode } from './find-node.ts'
import { shortId } from './short-id.ts'

interface JobsOptions extends DataOptions {
  readonly json?: boolean
}

export function jobsCommand(io: Io): Command {
  return new Command('jobs')
    .description('Lists the jobs that are deployed.')
    .addOption(jsonOption())
    .addOption(dataOption())
    .action(async ({ data, json = false }: JobsOptions) => {
      const jobs = await (await findNode(data)).jobs()
      if (json) for (const job of jobs) io.stdout.write(`${jsonLine(io, job)}\n`)
      else if (jobs.length > 0) printRows(io, jobs.map(rowOf), false)
      else io.stderr.write(`No job is deployed. Deploy one: millrace deploy <job.ts>${dataArgument(data)}\n`)
    })
}

function rowOf({ job, phase, deployment, containers, lag, recordsPerSecond }: JobReport): Row {
  const { revision, release, desired } = deployment
  const running = containers.filter((container) => container.phase === 'running').length
  return {
    job,
    state: phase,
    containers: desired === 'running' ? `${running} of ${release.settings.containers}` : '',
    lag,
    rate: rate(recordsPerSecond),
    revision,
    artefact: shortId(release.artefact),
  }
}
