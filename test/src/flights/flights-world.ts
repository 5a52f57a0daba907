import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { partitionOf } from '@millrace/core/internal'
import { FLIGHTS_FILE, type FlightsOracle } from '@millrace/job-flights'
import { start, succeed } from './command.ts'

const PARTITIONS = 4
export const JOB_FILE = fileURLToPath(new URL('../../../jobs/flights/src/job.ts', import.meta.url))

const VIEW_NAMES: readonly (keyof FlightsOracle)[] = ['delays', 'routes', 'hoursOfDay']
const VIEWS = { delays: 'delays', routes: 'routes', hoursOfDay: 'hours-of-day' } as const

/** The real command on its own data directory, with the topics of the flights job. */
export class FlightsWorld {
  readonly data: string

  private constructor(data: string) {
    this.data = data
  }

  static async create(): Promise<FlightsWorld> {
    const world = new FlightsWorld(mkdtempSync(join(tmpdir(), 'millrace-flights-')))
    for (const topic of ['flights', 'delays-by-hour']) {
      await world.succeed('topics', 'create', topic, '--partitions', String(PARTITIONS))
    }
    return world
  }

  succeed(...args: readonly string[]): Promise<string> {
    return succeed([...args, '--data', this.data])
  }

  importArguments(flights: number): string[] {
    const columns = ['--key', 'origin', '--timestamp', 'date', '--limit', String(flights)]
    return ['topics', 'import', 'flights', FLIGHTS_FILE, ...columns, '--resume', '--data', this.data]
  }

  async import(flights: number): Promise<void> {
    await succeed(this.importArguments(flights))
  }

  async runUntilEnd(jobFile = JOB_FILE): Promise<void> {
    await this.succeed('run', jobFile, '--no-check', '--until-end')
  }

  /** Deletes the local state. It is only a cache: the changelog has all of it. */
  deleteState(): void {
    rmSync(join(this.data, 'state'), { recursive: true, force: true })
  }

  /** The views as `query --all --json` prints them, in the form of the oracle. */
  async views(jobFile = JOB_FILE): Promise<FlightsOracle> {
    const job = start(['run', jobFile, '--no-check', '--data', this.data])
    await job.line(/served at/)
    const [delays, routes, hoursOfDay] = await Promise.all([
      this.#entries(VIEWS.delays),
      this.#entries(VIEWS.routes),
      this.#entries(VIEWS.hoursOfDay),
    ])
    job.child.kill('SIGTERM')
    const { code, stderr } = await job.ended
    if (code !== 0) throw new Error(`the job ended with ${code}: ${stderr}`)
    return { delays, routes, hoursOfDay }
  }

  async #entries(view: string): Promise<Map<string, string>> {
    const lines = (await this.succeed('query', view, '--all', '--json')).split('\n').filter((line) => line !== '')
    const entries = new Map<string, string>()
    for (const line of lines) {
      const { key, window, value } = JSON.parse(line)
      const name = window === undefined ? key : `${key}@${window.start}`
      if (entries.has(name)) throw new Error(`${view} has ${name} twice`)
      entries.set(name, JSON.stringify(value))
    }
    return entries
  }

  [Symbol.dispose](): void {
    rmSync(this.data, { recursive: true, force: true })
  }
}

/** The partition of an airport in the topic of the flights. */
export function airportPartition(origin: string): number {
  const key = Buffer.from(origin)
  return partitionOf(key, 0, key.length, PARTITIONS)
}

/** The first few differences, one line for each entry; empty if the two are equal. */
export function differences(views: FlightsOracle, oracle: FlightsOracle, names = VIEW_NAMES): string[] {
  const found: string[] = []
  for (const name of names) {
    for (const key of new Set([...views[name].keys(), ...oracle[name].keys()])) {
      const [is, should] = [views[name].get(key), oracle[name].get(key)]
      if (is !== should) found.push(`${name} ${key}: is ${is}, should be ${should}`)
    }
  }
  return found.slice(0, 10)
}
