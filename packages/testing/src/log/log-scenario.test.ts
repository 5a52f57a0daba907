import { expect, test } from 'vitest'
import { type LogScenarioOptions, runLogScenario } from './log-scenario.ts'

/** To run one seed alone: `MILLRACE_SEED=123 npx vitest run packages/testing/src/log`. */
const ONLY = process.env['MILLRACE_SEED']
const SEEDS = Number(process.env['MILLRACE_SEEDS'] ?? (process.env['CI'] === undefined ? 15 : 40))

async function runSeeds(options: LogScenarioOptions): Promise<void> {
  const first = Number(ONLY ?? 1)
  const last = ONLY === undefined ? SEEDS : first
  const started = performance.now()
  let events = 0
  for (let seed = first; seed <= last; seed++) {
    try {
      events += (await runLogScenario(seed, options)).events
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`, { cause: error })
    }
  }
  const seconds = (performance.now() - started) / 1000
  const seeds = last - first + 1
  console.log(`${seeds} seeds, ${events} events: ${Math.round(seeds / seconds)} seeds/s`)
  expect(events / seeds).toBeGreaterThan(100)
}

test('what processes acknowledged is in the log whenever they die', () =>
  runSeeds({ durability: 'os', powerCuts: false }))

test('what processes acknowledged is in the log whatever call of the disk fails', () =>
  runSeeds({ durability: 'fsync', powerCuts: true, diskErrors: true }))

test('what processes acknowledged is in the log whenever the power goes', () =>
  runSeeds({ durability: 'fsync', powerCuts: true }))
