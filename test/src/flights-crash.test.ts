import { foldFlights } from '@millrace/job-flights'
import { expect, test } from 'vitest'
import { type Started, start } from './flights/command.ts'
import { airportPartition, differences, FlightsWorld, JOB_FILE } from './flights/flights-world.ts'
import { seededRandom } from './flights/seeded-random.ts'

const FLIGHTS = 200_000
const KILLS = 20
/** From the start of Node to well inside the processing of what is left. */
const MOMENT_MS = 1200
const GRACE_MS = 600_000

test('twenty kill -9 of the job and of the import, and the loss of the local state, leave the views exactly right', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  console.log(`SEED=${seed}`)
  const random = seededRandom(seed)
  using world = await FlightsWorld.create()
  for (let kill = 0; kill < KILLS; kill++) {
    const job = start(['run', JOB_FILE, '--no-check', '--commit-interval', '20', '--data', world.data])
    const importing = start(world.importArguments(FLIGHTS))
    await killAfter([job, importing], random() * MOMENT_MS)
    const [jobEnd, importEnd] = await Promise.all([job.ended, importing.ended])
    // Nothing but the kill may have ended them.
    expect(jobEnd.signal, jobEnd.stderr).toBe('SIGKILL')
    expect(importEnd.signal ?? importEnd.code, importEnd.stderr).toBeOneOf(['SIGKILL', 0])
    if (random() < 0.3) world.deleteState()
  }
  await world.import(FLIGHTS)
  await world.runUntilEnd()
  const oracle = await foldFlights({ limit: FLIGHTS, graceMs: GRACE_MS, partitionOf: airportPartition })
  expect(differences(await world.views(), oracle), `SEED=${seed}`).toEqual([])
}, 180_000)

/** The moment is what is random: this waits for nothing. */
async function killAfter(started: readonly Started[], ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
  for (const { child } of started) child.kill('SIGKILL')
}
