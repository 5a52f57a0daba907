import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { PlantedBug } from '../planted/planted-bug.ts'
import type { Trouble } from './scenario.ts'
import type { WorldJob } from './world.ts'

/** Every planted bug must be found within this many seeds. */
const PLANTED_SEEDS_MAX = 3000

const NODE = ['--conditions=millrace-source']
const SIMULATE = fileURLToPath(new URL('simulate.ts', import.meta.url))
const RUN_SEEDS = fileURLToPath(new URL('run-seeds.ts', import.meta.url))
const PLANT = new URL('../planted/plant.ts', import.meta.url).href

const run = promisify(execFile)

/** Which worlds to run. */
export interface Seeds {
  readonly job: WorldJob
  /** The first seed. Default 1. */
  readonly from?: number
  readonly count: number
  /** Default all. */
  readonly troubles?: readonly Trouble[]
}

/**
 * Runs worlds as a person does, in several processes, and returns the last line of the output. Worlds have their own processes: an
 * error that code of a dead process throws later is not a failure of a test.
 */
export async function simulate(seeds: Seeds): Promise<string> {
  const { stdout } = await run(process.execPath, [...NODE, SIMULATE, ...optionsOf(seeds)])
  return stdout.trim().split('\n').at(-1) ?? ''
}

/** The same in one process. */
export async function runSeeds(seeds: Seeds): Promise<string> {
  const { stdout } = await run(process.execPath, [...NODE, RUN_SEEDS, ...optionsOf(seeds)])
  return stdout.trim()
}

/** Runs worlds with a planted bug until one fails, and returns the error of that process. Rejects if all seeds hold. */
export async function findPlanted(bug: PlantedBug): Promise<string> {
  const { name, job = 'plain', seed = 1, troubles } = bug
  const seeds = { job, from: seed, count: PLANTED_SEEDS_MAX, ...(troubles === undefined ? {} : { troubles }) }
  const found = run(process.execPath, [...NODE, '--import', PLANT, RUN_SEEDS, ...optionsOf(seeds)], {
    env: { ...process.env, MILLRACE_PLANTED_BUG: name },
  })
  const error: unknown = await found.then(
    () => new Error(`${PLANTED_SEEDS_MAX} seeds from ${seed} hold with the planted bug "${name}"`),
    (reason: unknown) => reason,
  )
  if (error instanceof Error && 'stderr' in error) return String(error.stderr)
  throw error
}

function optionsOf({ job, from = 1, count, troubles }: Seeds): readonly string[] {
  const options = ['--job', job, '--from', String(from), '--count', String(count)]
  return troubles === undefined ? options : [...options, '--troubles', troubles.join()]
}
