import { resolve } from 'node:path'
import { Command } from 'commander'
import { type DataOptions, dataOption } from '../data-option.ts'
import { badInput } from '../input-error.ts'
import { repeatable } from '../repeatable.ts'
import { bytes, counted } from '../terminal/amounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { portNumber } from '../values.ts'

interface DevOptions extends DataOptions {
  readonly fork?: string
  readonly acceptLoss: readonly string[]
  readonly reset?: boolean
  readonly quiet?: boolean
  readonly view: readonly string[]
  readonly topic: readonly string[]
  readonly port: number
  readonly allowOrigin: readonly string[]
  readonly check: boolean
}

export function devCommand(io: Io): Command {
  return new Command('dev')
    .description('Runs a job while you edit it: each saved version continues with the state of the one before.')
    .argument('<job.ts>', 'a module whose default export is a job')
    .option(
      '--fork <dir>',
      'run on a fork of this data directory, which stays as it is; the fork is removed at the end',
    )
    .addOption(
      repeatable('--accept-loss <store>', 'a store that may start empty if it cannot continue; may be repeated'),
    )
    .option('--reset', 'compute everything again whenever a version cannot continue')
    .option('--quiet', 'print no records and no changes of views')
    .addOption(
      repeatable('--view <name>', 'print the changes of this view, and nothing that is not named; may be repeated'),
    )
    .addOption(
      repeatable('--topic <name>', 'print the records of this topic, and nothing that is not named; may be repeated'),
    )
    .option('--port <port>', 'the port of the view server; 0 for any free port', portNumber, 0)
    .addOption(repeatable('--allow-origin <origin>', 'web pages of this origin may read the views; may be repeated'))
    .option('--no-check', 'skip the type check')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
Watches the job file and all that it imports, apart from installed packages. A version with an error is reported, and the version
before continues to run. A version that cannot continue with all stores shows what would be lost, and asks. Without a terminal it
does what --accept-loss or --reset says, or else does not start.
Prints the records that the job appends to its topics, and the changes of its views, as they are committed. If there are too many, it
counts those that it does not show. Topics that do not exist are created.

Examples:
  $ millrace dev job.ts
  $ millrace dev job.ts --fork /var/lib/millrace
  $ millrace dev job.ts --view delays`,
    )
    .action((file: string, options: DevOptions, command: Command) => {
      if (options.fork !== undefined && command.getOptionValueSource('data') === 'cli') {
        throw badInput('With --fork the job runs on the fork, so --data has no meaning. Leave one of them out')
      }
      return dev(io, file, options)
    })
}

async function dev(io: Io, file: string, options: DevOptions): Promise<void> {
  const stop = io.stopSignal()
  const { DevSession } = await import('./dev-session.ts')
  const fork = options.fork === undefined ? undefined : await forked(io, options.fork)
  const data = fork?.data ?? options.data
  const session = new DevSession(io, {
    path: resolve(file),
    data,
    reset: options.reset === true,
    args: [resolve(file), '--data', resolve(data), ...versionArguments(options)],
  })
  // A second signal ends the process at once.
  const onExit = () => {
    session.kill()
    fork?.remove()
  }
  process.once('exit', onExit)
  try {
    await session.run(stop)
  } finally {
    process.off('exit', onExit)
    fork?.remove()
  }
}

async function forked(io: Io, original: string) {
  const { forkData } = await import('./fork-data.ts')
  const beganMs = performance.now()
  const fork = await forkData(original)
  const took = ((performance.now() - beganMs) / 1000).toFixed(1)
  const shared = fork.linkedBytes === 0 ? '' : `, ${bytes(fork.linkedBytes)} of it shared`
  io.stderr.write(
    `${printable(fork.data)} is a fork of ${printable(original)} (${counted(fork.topics, 'topic')}${shared}), made in ${took} s\n`,
  )
  return fork
}

function versionArguments({ acceptLoss, quiet, view, topic, port, allowOrigin, check }: DevOptions): string[] {
  return [
    '--port',
    `${port}`,
    ...(check ? [] : ['--no-check']),
    ...(quiet === true ? ['--quiet'] : []),
    ...acceptLoss.flatMap((store) => ['--accept-loss', store]),
    ...view.flatMap((name) => ['--view', name]),
    ...topic.flatMap((name) => ['--topic', name]),
    ...allowOrigin.flatMap((origin) => ['--allow-origin', origin]),
  ]
}
