import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { WorldOptions } from './crash-world.ts'

const PROGRAM = fileURLToPath(new URL('run-job.ts', import.meta.url))

/** How many orders a run of the crash job processes, and in how many rounds. */
export const ORDERS = 40
export const ORDERS_A_ROUND = 20

/** The arguments of the process, as JSON. */
export interface JobArguments extends WorldOptions {
  /** The data directory. */
  readonly directory: string
  readonly durability: 'fsync' | 'os'
  readonly orders: number
  /** How many orders are appended, and acknowledged, at a time. */
  readonly perRound: number
}

/** How a run of the crash job is started. */
export interface RunOptions extends WorldOptions {
  /** Default `fsync`. */
  readonly durability?: 'fsync' | 'os'
  readonly orders?: number
  /** A program that runs it, with its arguments: `strace …`. */
  readonly under?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** How a run of the crash job ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** How many orders the process acknowledged. */
  readonly acknowledged: number
  /** The code of the error that stopped it; undefined if no error did. */
  readonly stopped: string | undefined
  /** How often it reported that a store was opened again. */
  readonly notices: number
  /** All that it wrote. */
  readonly output: string
}

/** Starts the crash job in its own process; `end` resolves when the process has ended. */
export function startJob(directory: string, options: RunOptions = {}): { child: ChildProcess; end: Promise<Ended> } {
  const { durability = 'fsync', orders = ORDERS, under = [], environment = {}, ...world } = options
  const given: JobArguments = { ...world, directory, durability, orders, perRound: ORDERS_A_ROUND }
  const node = [process.execPath, '--conditions=millrace-source', PROGRAM, JSON.stringify(given)]
  const [program = '', ...args] = [...under, ...node]
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // One thread does all asynchronous work, so that a number identifies a call.
    env: { ...process.env, UV_THREADPOOL_SIZE: '1', NODE_OPTIONS: '', ...environment },
  })
  const exited = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve([code, signal]))
  })
  const end = Promise.all([exited, text(child.stdout), text(child.stderr)]).then(
    ([[code, signal], output, errors]) => ({
      code,
      signal,
      acknowledged: Number(
        output
          .match(/^acknowledged \d+$/gm)
          ?.at(-1)
          ?.split(' ')[1] ?? 0,
      ),
      stopped: /^stopped (\w+)/m.exec(output)?.[1],
      notices: output.match(/^notice /gm)?.length ?? 0,
      output: output + errors,
    }),
  )
  return { child, end }
}

export function runJob(directory: string, options: RunOptions = {}): Promise<Ended> {
  return startJob(directory, options).end
}

/** A directory that is removed when it is no longer used. */
export class ScratchDirectory implements Disposable {
  readonly path: string

  constructor() {
    this.path = mkdtempSync(`${tmpdir()}/millrace-crash-`)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
