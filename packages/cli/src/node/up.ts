import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Env, FatalError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import type { NodeServer, TlsCertificate } from '@millrace/runtime'
import { Command } from 'commander'
import { dataArgument, dataOption, openLog } from '../data-option.ts'
import { keptAdminToken, keptToken } from '../jobs/job-token.ts'
import { repeatable } from '../repeatable.ts'
import type { Io } from '../terminal/io.ts'
import { printable, printableLines } from '../terminal/printable.ts'
import { durationMs, portNumber } from '../values.ts'
import { VERSION } from '../version.ts'
import { runningNode } from './find-node.ts'
import { announceNode, daemonLog, nodeDirectory } from './node-files.ts'
import { freeNodeSocket } from './node-socket.ts'
import { requireOwnFiles } from './own-files.ts'
import { systemdUnit } from './systemd-unit.ts'
import { readTlsFiles, type TlsFiles, tlsFiles, watchTlsFiles } from './tls-files.ts'
import { type UpOptions, upArguments } from './up-arguments.ts'

/** The port of a node, unless another one is given. */
export const NODE_PORT = 4700

interface UpCommandOptions extends UpOptions {
  readonly detach?: boolean
  readonly systemd?: boolean
}

export function upCommand(io: Io): Command {
  return new Command('up')
    .description('Starts a node: it runs the jobs that are deployed on this machine, until Ctrl-C.')
    .option('--port <port>', 'the port of the HTTP API; 0 for any free port', portNumber, NODE_PORT)
    .option('--host <address>', 'the address to listen on; other machines reach it only with TLS (default: 127.0.0.1)')
    .option('--tls-cert <file>', 'the certificate for TLS, and those that it depends on, as PEM')
    .option('--tls-key <file>', 'the private key of the certificate, as PEM without a passphrase')
    .addOption(repeatable('--allow-host <name>', 'a name by which other machines call this one; may be repeated'))
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
Other machines reach the node only if --host names an address for them, and that needs TLS. They send the token in the file
"token" of the data directory to read, and the one in "admin-token" to change something. The files of the certificate are read
again when they change.

Examples:
  $ millrace up
  $ millrace up --detach --data /var/lib/millrace
  $ millrace up --host 0.0.0.0 --allow-host node1.example.com --tls-cert fullchain.pem --tls-key privkey.pem
  $ millrace up --systemd --data /var/lib/millrace > ~/.config/systemd/user/millrace.service`,
    )
    .action(async (options: UpCommandOptions) => {
      if (options.systemd === true) io.stdout.write(systemdUnit(options))
      else if (options.detach === true) await startDaemon(io, options)
      else await up(io, options)
    })
}

async function up(io: Io, options: UpOptions): Promise<void> {
  const stop = io.stopSignal()
  const { data, healthyAfter } = options
  const env = nodeEnv()
  const { checkNodeServer, Node, startNodeServer } = await import('@millrace/runtime')
  const files = tlsFiles(options)
  const tls = files && readTlsFiles(files)
  const { startContainers } = await import('./start-container.ts')
  const log = await openLog(data)
  try {
    requireOwnFiles(data)
    const served = serverOptions(env, options, tls)
    // Before the jobs start.
    checkNodeServer(served)
    const node = await Node.open({
      log,
      env,
      data: resolve(data),
      start: startContainers(resolve(data)),
      ...(healthyAfter !== undefined && { healthyAfterMs: healthyAfter }),
    })
    try {
      const socket = freeNodeSocket(data)
      const at = socket === undefined ? {} : { socket }
      const about = { version: VERSION, pid: process.pid, data: resolve(data), sinceMs: env.clock.now(), url: '' }
      const server = await startNodeServer({
        ...served,
        node,
        about: () => ({ ...about, disk: env.files.space(resolve(data)) ?? null }),
        ...at,
      })
      about.url = server.url
      const endWatch = renewCertificate(io, env, server, served.tls, files)
      const withdraw = announceNode(data, { pid: process.pid, url: server.url, ...at })
      try {
        greet(io, server.url, node.jobs.length, data)
        await aborted(stop)
        io.stderr.write('The node ends: its containers commit and stop\n')
      } finally {
        endWatch()
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

function serverOptions(env: Env, options: UpOptions, tls: TlsCertificate | undefined) {
  const { data, host, port, allowOrigin, allowHost } = options
  return {
    env,
    port,
    readToken: keptToken(data),
    adminToken: keptAdminToken(data),
    allowOrigins: allowOrigin,
    allowHosts: allowHost,
    ...(host !== undefined && { host }),
    ...(tls !== undefined && { tls }),
  }
}

function renewCertificate(
  io: Io,
  env: Env,
  server: NodeServer,
  present: TlsCertificate | undefined,
  files: TlsFiles | undefined,
): () => void {
  if (files === undefined || present === undefined) return () => undefined
  const renew = (tls: TlsCertificate) => {
    server.renew(tls)
    io.stderr.write(`The node has read its new certificate in ${printable(files.certificate)}\n`)
  }
  const warn = (message: string) =>
    io.stderr.write(printableLines(`warning: The node still uses its former certificate. ${message}\n`))
  return watchTlsFiles(files, present, env.timers, renew, warn)
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
export async function startDaemon(io: Io, options: UpOptions): Promise<void> {
  const { data } = options
  const { mkdirSync } = await import('node:fs')
  requireOwnFiles(data)
  mkdirSync(nodeDirectory(data), { recursive: true, mode: 0o700 })
  const path = daemonLog(data)
  const output = openSync(path, 'a', 0o600)
  const command = process.argv[1] ?? ''
  const child = spawn(process.execPath, [command, ...upArguments(options)], {
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
