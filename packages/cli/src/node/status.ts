import type { ContainerSummary, DiskSpace, JobReport } from '@millrace/core'
import { Command } from 'commander'
import { type DataOptions, dataOption, jsonOption } from '../data-option.ts'
import { bytes, counted, rate, seconds } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable, printableLines } from '../terminal/printable.ts'
import { printRows, type Row } from '../terminal/table.ts'
import { diskWarning, roomText } from './disk-warning.ts'
import { findNode } from './find-node.ts'
import { shortId } from './short-id.ts'

/** The room is reported while it is less than so many times what is left to jobs. */
const WARNED_RESERVES = 4

interface StatusOptions extends DataOptions {
  readonly json?: boolean
}

export function statusCommand(io: Io): Command {
  return new Command('status')
    .description('Shows the condition of a deployed job, or of all: first what is wrong, then its containers.')
    .argument('[job]', 'the name of the job; default: all jobs')
    .addOption(jsonOption())
    .addOption(dataOption())
    .action(async (name: string | undefined, { data, json = false }: StatusOptions) => {
      const node = await findNode(data)
      const jobs = name === undefined ? await node.jobs() : [await node.job(name)]
      const { disk, data: path } = await node.about()
      if (disk !== null) await warnOfDisk(io, path, disk)
      if (json) for (const job of jobs) io.stdout.write(`${jsonLine(io, job)}\n`)
      else for (const job of jobs) printStatus(io, job)
    })
}

/** A nearly full disk comes first: it stops producers, and then jobs. */
async function warnOfDisk(io: Io, path: string, { freeBytes, totalBytes }: DiskSpace): Promise<void> {
  const { reservedBytes } = await import('@millrace/connectors/internal')
  const reserve = reservedBytes({ totalBytes })
  if (freeBytes >= WARNED_RESERVES * reserve) return
  const stopped = freeBytes < reserve ? 'Producers are stopped, and jobs stop when it is full' : 'Producers stop soon'
  io.stderr.write(
    `${io.colors.red('disk:')} ${bytes(freeBytes)} of ${bytes(totalBytes)} are free in ${printable(path)}. ${stopped}. Free some ` +
      'space, or shorten the retention of topics\n',
  )
}

/** The condition of a job, for people. */
export function printStatus(io: Io, report: JobReport): void {
  const { job, phase, operation, deployment, containers, lag, recordsPerSecond, error } = report
  const { bold, dim, red } = io.colors
  const { release, revision } = deployment
  const doing = operation === null ? '' : ` (${operation} under way)`
  io.stdout.write(`${bold(printable(job))} is ${phaseColor(io, phase)}${doing}\n`)
  if (error !== null) io.stdout.write(`${red(`  ${error.code}:`)} ${printableLines(error.message)}\n`)
  const warning = diskWarning(report)
  if (warning !== undefined) io.stdout.write(`${red('  disk:')} ${warning.what}. ${warning.advice}\n`)
  for (const problem of problemsOf(containers)) io.stdout.write(`${red('  problem:')} ${printableLines(problem)}\n`)
  const { guarantee, commitIntervalMs } = release.settings
  const room = roomText(report)
  io.stdout.write(
    dim(
      `  revision ${revision}, artefact ${shortId(release.artefact)}, ${guarantee}, a commit every ${commitIntervalMs} ms; ` +
        `lag ${counted(lag, 'record')}, ${rate(recordsPerSecond)}${room === undefined ? '' : `; ${room}`}\n`,
    ),
  )
  printRows(io, containers.map(containerRow), false)
}

function phaseColor(io: Io, phase: string): string {
  const { green, red, yellow } = io.colors
  if (phase === 'running') return green(phase)
  return phase === 'failed' ? red(phase) : yellow(phase)
}

function problemsOf(containers: readonly ContainerSummary[]): readonly string[] {
  const messages = containers.flatMap(({ status }) => status?.problems.map(({ message }) => message) ?? [])
  return [...new Set(messages)]
}

function containerRow({ container, phase, pid, sinceMs, restarts, status, ...more }: ContainerSummary): Row {
  const tasks = status?.tasks ?? []
  const lag = tasks
    .flatMap(({ inputs }) => inputs)
    .reduce((sum, { offset, endOffset }) => sum + Math.max(0, endOffset - offset), 0)
  const { restore } = more
  return {
    container,
    state: restore === null ? phase : `${phase} ${restore.task} (${restore.done} of ${restore.total})`,
    for: seconds((Date.now() - sinceMs) / 1000),
    process: pid ?? '',
    tasks: tasks.length,
    ...(status?.standbys !== undefined && { standbys: status.standbys.length }),
    lag,
    rate: rate(more.recordsPerSecond),
    restarts,
  }
}
