import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { openFileLog } from '@millrace/connectors/file'
import type { Log } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { runJob } from '@millrace/runtime'
import { type Found, findTable, idsJob, type TablePlan } from '@millrace/testing/internal'
import { planOf, type RandomJob } from '../runtime/random-time/random-job.ts'

/** Longer than every run: no input becomes idle because a machine is slow. */
export const NEVER_IDLE_MS = 1e9

const PROGRAM = fileURLToPath(new URL('run-random-job.ts', import.meta.url))

/** A random job on a file log, run by separate processes. */
export class RandomProcesses {
  readonly log: Log
  readonly #directory: string
  readonly #random: RandomJob
  readonly #live = new Set<ChildProcess>()

  private constructor(log: Log, directory: string, random: RandomJob) {
    this.log = log
    this.#directory = directory
    this.#random = random
  }

  static async open(random: RandomJob): Promise<RandomProcesses> {
    const directory = mkdtempSync(`${tmpdir()}/millrace-random-`)
    return new RandomProcesses(await openFileLog({ directory, env: nodeEnv(), durability: 'os' }), directory, random)
  }

  /** Starts a process that shares the job with the others; resolves once it runs. */
  async start(): Promise<ChildProcess> {
    const child = this.#spawn('live')
    this.#live.add(child)
    await Promise.race([once(child.stdout ?? child, 'data'), ended(child)])
    return child
  }

  /** Kills a process, as `kill -9` does. */
  async kill(child: ChildProcess): Promise<void> {
    this.#live.delete(child)
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Stops the processes that are left, runs the job to the end in another one, and returns what is then found of each table. */
  async finish(tables: readonly TablePlan[]): Promise<ReadonlyMap<string, Found>> {
    for (const child of this.#live) {
      const end = ended(child)
      child.kill('SIGTERM')
      await end
    }
    await ended(this.#spawn('until-end'))
    const running = await runJob(idsJob('random', planOf(this.#random)), {
      log: this.log,
      stateDirectory: `${this.#directory}/state`,
      idleAfterMs: NEVER_IDLE_MS,
    })
    const found = new Map<string, Found>()
    for (const table of tables) found.set(table.name, await findTable(this.log, running, table))
    await running.stop()
    return found
  }

  async close(): Promise<void> {
    for (const child of this.#live) child.kill('SIGKILL')
    await this.log.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #spawn(mode: 'live' | 'until-end'): ChildProcess {
    const args = ['--conditions=millrace-source', PROGRAM, this.#directory, JSON.stringify(this.#random), mode]
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  }
}

/** Resolves when a process has ended as it should; rejects if it ends otherwise. */
async function ended(child: ChildProcess): Promise<void> {
  const [code, signal] = await once(child, 'exit')
  if (code !== 0) throw new Error(`The process of the random job ended with ${code ?? signal}`)
}
