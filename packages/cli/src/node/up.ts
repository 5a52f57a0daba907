import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { FatalError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { Command } from 'commander'
import { type DataOptions, dataArgument, dataOption, openLog } from '../data-option.ts'
import { keptAdminToken, keptToken } from '../jobs/job-token.ts'
import { repeatable } from '../repeatable.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { durationMs, portNumber } from '../values.ts'
import { VERSION } from '../version.ts'
import { runningNode } from './find-node.ts'
import { announceNode, daemonLog, nodeDirectory } from './node-files.ts'
import { freeNodeSocket } from './node-socket.ts'
import { systemdUnit } from './systemd-unit.ts'

/** The port of a node, unless another one is given. */
export const NODE_PORT = 4700

interface UpOptions extends DataOptions {
  readonly port: number
  readonly allowOrigin: readonly string[]
  readonly healthyAfter?: number
  readonly detach?: boolean
  readonly systemd?: boolean
}

export function upCommand(io: Io): Command {
  return new Command('up')
    .description('Starts a node: it runs the jobs that are deployed on this machine, until Ctrl-C.')
    .option('--port <port>', 'the port of the HTTP API; 0 for any free port', portNumber, NODE_PORT)
    .addOption(repeatable('--allow-origin <origin>', 'web pages of this origin may read; may be repeated'))
    .option(
      '--healthy-after <time>',
      'how long new containers must run before a deploy counts as healthy (default: 3s)',
      durationMs,
    )
    .option('--detach', 'go on in the background: "millrace down" ends it')
    .option('--systemd', 'print a unit for systemd that runs the node, and exit')
    .addOption(dataOption())
    .addHelpText(
      'after',
      `
The node starts the jobs that were deployed before, and starts a container again if it fails. "millrace deploy" adds a job.
When the node ends, its containers commit and end; the jobs stay deployed.

Examples:
  $ millrace up
  $ millrace up --detach --data /var/lib/millrace
  $ millrace up --systemd --data /var/lib/millrace > ~/.config/systemd/user/millrace.service`,
    )
    .action(async (options: UpOptions) => {
      if (options.systemd === true) io.stdout.write(systemdUnit(options))
      else if (options.detach === true) await startDaemon(io, options)
      else await up(io, options)
    })
}

async function up(io: Io, options: UpOptions): Promise<void> {
  const stop = io.stopSignal()
  const { data, port, allowOrigin, healthyAfter } = options
  const env = nodeEnv()
  const { Node, startNodeServer } = await import('@millrace/runtime')
  const { startContainers } = await import('./start-container.ts')
  const log = await openLog(data)
  try {
    const node = await Node.open({
      log,
      env,
      data: resolve(data),
      start: startContainers(resolve(data)),
      ...(healthyAfter !== undefined && { healthyAfterMs: healthyAfter }),
    })
    try {
      const socket = freeNodeSocket(data)
      const sinceMs = env.clock.now()
      const about = { version: VERSION, pid: process.pid, data: resolve(data), sinceMs, url: '' }
      const server = await startNodeServer({
        node,
        env,
        about: () => ({ ...about, disk: env.files.space(resolve(data)) ?? null }),
        port,
        readToken: keptToken(data),
        adminToken: keptAdminToken(data),
        ...(socket !== undefined && { socket }),
        allowOrigins: allowOrigin,
      })
      about.url = server.url
      const withdraw = announceNode(data, {
        pid: process.pid,
        url: server.url,
        ...(socket !== undefined && { socket }),
      })
      try {
        greet(io, server.url, node.jobs.length, data)
        await aborted(stop)
        io.stderr.write('The node ends: its containers commit and stop\n')
      } finally {
        withdraw()
        await server.close()
      }
    } finally {
      await node.close()
    }
  } finally {
    await log.close()
  }
}

function greet(io: Io, url: string, jobs: number, data: string): void {
  const { bold, cyan, dim } = io.colors
  const what = jobs === 0 ? 'No job is deployed yet' : jobs === 1 ? 'It runs 1 job' : `It runs ${jobs} jobs`
  io.stderr.write(`${bold('The node runs.')} ${what}. Its API is served at ${cyan(url)}\n`)
  const next = jobs === 0 ? 'deploy job.ts' : 'jobs'
  io.stderr.write(`${dim(`  $ millrace ${next}${dataArgument(data)}`)}\n`)
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
}

/** How often a new daemon is checked. */
const LOOK_MS = 50
/** Lines of a failed daemon's log that are printed: its error, and what led to it. */
const LOG_LINES_SHOWN = 10

/** Starts a node in the background, and resolves when it answers. Throws `NODE_NOT_RUNNING` if it ends before. */
export async function startDaemon(io: Io, { data, port, allowOrigin, healthyAfter }: UpOptions): Promise<void> {
  const { mkdirSync } = await import('node:fs')
  mkdirSync(nodeDirectory(data), { recursive: true, mode: 0o700 })
  const path = daemonLog(data)
  const output = openSync(path, 'a', 0o600)
  const command = process.argv[1] ?? ''
  const chosen = [
    ...allowOrigin.flatMap((origin) => ['--allow-origin', origin]),
    ...(healthyAfter === undefined ? [] : ['--healthy-after', `${healthyAfter}ms`]),
  ]
  const child = spawn(process.execPath, [command, 'up', '--data', resolve(data), '--port', `${port}`, ...chosen], {
    detached: true,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  child.unref()
  let ended = false
  child.once('exit', () => {
    ended = true
  })
  while (!ended) {
    const node = await runningNode(data)
    const about = await node?.about()
    if (about?.pid === child.pid) {
      io.stderr.write(
        `The node runs in the background (process ${child.pid}), at ${about?.url}. It prints to ${printable(path)}\n`,
      )
      return
    }
    await setTimeout(LOOK_MS)
  }
  const last = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n')
  throw new FatalError('NODE_ENDED', `The node ended as soon as it was started. It printed:\n${last}`, { file: path })
}
