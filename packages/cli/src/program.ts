import { Command, Option } from 'commander'
import { backupCommand } from './backup/backup.ts'
import { restoreCommand } from './backup/restore.ts'
import { deadLettersCommand } from './dead-letters/dead-letters.ts'
import { devCommand } from './dev/dev.ts'
import { versionCommand } from './dev/version-command.ts'
import { doctorCommand } from './doctor/doctor.ts'
import { EXIT_HELP } from './exit-codes.ts'
import { planCommand } from './jobs/plan.ts'
import { rescaleCommand } from './jobs/rescale.ts'
import { resetCommand } from './jobs/reset.ts'
import { runCommand } from './jobs/run.ts'
import { topologyCommand } from './jobs/topology.ts'
import { logCommand } from './log/log.ts'
import { changeCommands } from './node/changes.ts'
import { containerCommand } from './node/container.ts'
import { deployCommand, upgradeCommand } from './node/deploy.ts'
import { downCommand } from './node/down.ts'
import { historyCommand } from './node/history.ts'
import { jobsCommand } from './node/jobs.ts'
import { logsCommand } from './node/logs.ts'
import { rewindCommand } from './node/rewind.ts'
import { restoreSavepointCommand, savepointCommand, savepointsCommand } from './node/savepoints.ts'
import { statusCommand } from './node/status.ts'
import { upCommand } from './node/up.ts'
import { protectData } from './protect-data.ts'
import type { Io } from './terminal/io.ts'
import { printableLines } from './terminal/printable.ts'
import { topicsCommand } from './topics/topics.ts'
import { VERSION } from './version.ts'
import { queryCommand } from './views/query.ts'
import { watchCommand } from './views/watch.ts'

/** The whole command. Its actions throw; the caller that parses reports the errors. */
export function program(io: Io): Command {
  const millrace = new Command('millrace')
    .description('Runs stream-processing jobs, manages their topics, queries their views.')
    .version(VERSION, '-v, --version')
    .addOption(new Option('--data <dir>', 'the data directory, for any command'))
    .hook('preAction', passDataOn)
    .hook('preAction', (_, action) => {
      const { data } = action.opts<{ data?: string }>()
      // The doctor reports an open directory, and changes nothing.
      if (data !== undefined && action.name() !== 'doctor') protectData(io, data)
    })
    .addHelpText(
      'after',
      `
Examples:
  $ millrace topics import flights flights.parquet --key origin --timestamp date
  $ millrace run job.ts
  $ millrace query delays ATL
${EXIT_HELP}`,
    )
    .addCommand(runCommand(io))
    .addCommand(devCommand(io))
    .addCommand(planCommand(io))
    .addCommand(resetCommand(io))
    .addCommand(rescaleCommand(io))
    .addCommand(topicsCommand(io))
    .addCommand(deadLettersCommand(io))
    .addCommand(queryCommand(io))
    .addCommand(watchCommand(io))
    .addCommand(topologyCommand(io))
    .addCommand(logCommand(io))
    .addCommand(backupCommand(io))
    .addCommand(restoreCommand(io))
    .addCommand(doctorCommand(io))
    .addCommand(upCommand(io))
    .addCommand(downCommand(io))
    .addCommand(deployCommand(io))
    .addCommand(upgradeCommand(io))
    .addCommand(jobsCommand(io))
    .addCommand(statusCommand(io))
    .addCommand(logsCommand(io))
    .addCommand(historyCommand(io))
  for (const command of changeCommands(io)) millrace.addCommand(command)
  millrace
    .addCommand(savepointCommand(io))
    .addCommand(savepointsCommand(io))
    .addCommand(restoreSavepointCommand(io))
    .addCommand(rewindCommand(io))
    .addCommand(containerCommand(io))
    .addCommand(versionCommand(io), { hidden: true })
  throwInsteadOfExiting(millrace, io)
  return millrace
}

/** `millrace --data <dir> topics list` means `millrace topics list --data <dir>`. */
function passDataOn(millrace: Command, action: Command): void {
  const { data } = millrace.opts<{ data?: string }>()
  if (data !== undefined) action.setOptionValueWithSource('data', data, 'cli')
}

/** Applies settings to the command and all commands below it: a command that is added as a whole does not inherit settings. */
function throwInsteadOfExiting(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(printableLines(text)),
    outputError: (text, write) =>
      write(text.replace(/^error: (.)/, (_, first: string) => `BAD_USAGE: ${first.toUpperCase()}`)),
  })
  command.showHelpAfterError(
    `(${command.name() === 'millrace' ? 'millrace' : commandPath(command)} --help explains more)`,
  )
  if (command.commands.length === 0) command.addHelpText('after', EXIT_HELP)
  for (const child of command.commands) throwInsteadOfExiting(child, io)
}

function commandPath(command: Command): string {
  return command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`
}
