import { describe, expect, test } from 'vitest'
import { PLANTED_BUGS } from '../planted/planted-bugs.ts'
import { findPlanted, runSeeds, simulate } from './world-commands.ts'

/** Enough to find what is often wrong. A change is also tested with the thousands of seeds of `.ci/run`. */
const SEEDS = 100
/** Worlds of the other jobs do three times as much work. */
const OTHER_SEEDS = 20
const CONTROL_SEEDS = 15
/** For a machine that is also busy with other work. */
const TIMEOUT_MS = 600_000

describe('the simulated world', { timeout: TIMEOUT_MS }, () => {
  test('holds every invariant whatever happens to its processes, its disk and its clock', async () => {
    const last = await simulate({ job: 'orders', count: SEEDS })
    console.log(last)
    expect(last).toContain(`${SEEDS} seeds from 1: no violation`)
  })

  test.each(['times', 'joins', 'tables', 'steps'] as const)(
    'lets the records alone decide what comes of them, whatever happens: %s',
    async (job) => {
      const last = await simulate({ job, count: OTHER_SEEDS })
      console.log(last)
      expect(last).toContain(`${OTHER_SEEDS} seeds from 1: no violation`)
    },
  )

  test.each(['orders', 'node', 'times', 'joins', 'tables', 'steps'] as const)(
    'holds every invariant if nothing goes wrong: %s',
    async (job) => {
      const output = await runSeeds({ job, count: CONTROL_SEEDS, troubles: [] })
      expect(output).toContain(`${CONTROL_SEEDS} seeds from 1: no violation`)
    },
  )

  test.each(PLANTED_BUGS)('finds the planted bug: $name', async (bug) => {
    // A violation names its seed; the error of a bug that could not be planted does not.
    expect(await findPlanted(bug)).toMatch(/^seed \d+: /)
  })
})
