import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { PLANTED_BUGS } from '../planted/planted-bugs.ts'

/** Enough to find what is often wrong. A change is also tested with the thousands of seeds of `.ci/run`. */
const SEEDS = 100
/** A world of the job whose results depend on time does three times as much work. */
const TIMES_SEEDS = 20
const CONTROL_SEEDS = 15
/** For a machine that is also busy with other work. */
const TIMEOUT_MS = 600_000
/** Every planted bug must be found within this many seeds. */
const PLANTED_SEEDS_MAX = 3000

const NODE = ['--conditions=millrace-source']
const SIMULATE = fileURLToPath(new URL('simulate.ts', import.meta.url))
const RUN_SEEDS = fileURLToPath(new URL('run-seeds.ts', import.meta.url))
const PLANT = new URL('../planted/plant.ts', import.meta.url).href

const run = promisify(execFile)

/** Worlds have their own processes: an error that code of a dead process throws later is not a failure of a test. */
describe('the simulated world', { timeout: TIMEOUT_MS }, () => {
  test('holds every invariant whatever happens to its processes, its disk and its clock', async () => {
    const { stdout } = await run(process.execPath, [...NODE, SIMULATE, '--count', String(SEEDS)])
    console.log(stdout.trim().split('\n').at(-1))
    expect(stdout).toContain(`${SEEDS} seeds from 1: no violation`)
  })

  test('decides by the records alone what is late and final, whatever happens', async () => {
    const given = ['--job', 'times', '--count', String(TIMES_SEEDS)]
    const { stdout } = await run(process.execPath, [...NODE, SIMULATE, ...given])
    console.log(stdout.trim().split('\n').at(-1))
    expect(stdout).toContain(`${TIMES_SEEDS} seeds from 1: no violation`)
  })

  test.each(['orders', 'times'])('holds every invariant where nothing goes wrong: %s', async (job) => {
    const given = ['--job', job, '--count', String(CONTROL_SEEDS), '--troubles', '']
    const { stdout } = await run(process.execPath, [...NODE, RUN_SEEDS, ...given])
    expect(stdout).toContain(`${CONTROL_SEEDS} seeds from 1: no violation`)
  })

  test.each(PLANTED_BUGS)('finds the planted bug: $name', async ({ name, job = 'plain', seed = 1, troubles }) => {
    const given = ['--job', job, '--from', String(seed), '--count', String(PLANTED_SEEDS_MAX)]
    if (troubles !== undefined) given.push('--troubles', troubles.join())
    const found = run(process.execPath, [...NODE, '--import', PLANT, RUN_SEEDS, ...given], {
      env: { ...process.env, MILLRACE_PLANTED_BUG: name },
    })
    // A violation names its seed; the error of a bug that could not be planted does not.
    await expect(found).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/^seed \d+: /) })
  })
})
