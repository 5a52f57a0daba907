import { MillraceClient } from '@millrace/client'
import { foldFlights } from '@millrace/job-flights'
import { expect, test } from 'vitest'
import { EVERYTHING, trials } from './crash/extent.ts'
import { start } from './flights/command.ts'
import { airportPartition, differences, FlightsWorld, JOB_FILE } from './flights/flights-world.ts'
import { seededRandom } from './flights/seeded-random.ts'

/** The number of kills: twenty with `npm run crash`, five with `npm run test:all`. */
const KILLS = EVERYTHING ? 20 : trials(5)
/** Every round adds so many flights: a fraction of a second of work, during which the kill falls. */
const FLIGHTS_A_ROUND = 20_000
const FLIGHTS = KILLS * FLIGHTS_A_ROUND
const MOMENT_MS = 150
const GRACE_MS = 600_000
const TOKEN = 'a-token-of-this-test'

test('any number of kill -9 of the job and of the import, and the loss of the local state, leave the views exactly right', {
  timeout: 240_000,
}, async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  console.log(`SEED=${seed}`)
  const random = seededRandom(seed)
  using world = await FlightsWorld.create()
  let inTheMiddle = 0
  for (let round = 1; round <= KILLS; round++) {
    const job = start(['run', JOB_FILE, '--no-check', '--commit-interval', '20ms', '--data', world.data], {
      env: { MILLRACE_TOKEN: TOKEN },
    })
    const [, url = ''] = await job.line(/served at (http:\S+)/)
    const importing = start(world.importArguments(round * FLIGHTS_A_ROUND))
    // Every fourth kill falls anywhere in the restart. The others fall while records are processed.
    const flowing = round % 4 !== 0 && (await untilFlowing(url, importing.ended))
    await randomMoment(random() * MOMENT_MS)
    job.child.kill('SIGKILL')
    importing.child.kill('SIGKILL')
    const [jobEnd, importEnd] = await Promise.all([job.ended, importing.ended])
    // Only the kill may have ended them.
    expect(jobEnd.signal, jobEnd.stderr).toBe('SIGKILL')
    expect(importEnd.signal ?? importEnd.code, importEnd.stderr).toBeOneOf(['SIGKILL', 0])
    if (flowing) inTheMiddle++
    if (random() < 0.3) world.deleteState()
  }
  // If all kills fell while nothing happens, this test would not test anything.
  expect(inTheMiddle).toBeGreaterThanOrEqual(KILLS / 4)
  await world.import(FLIGHTS)
  await world.runUntilEnd()
  const oracle = await foldFlights({ limit: FLIGHTS, graceMs: GRACE_MS, partitionOf: airportPartition })
  expect(differences(await world.views(), oracle), `SEED=${seed}`).toEqual([])
})

/** Resolves with true as soon as the job has processed a new record, or with false when the import had none for it. */
async function untilFlowing(url: string, imported: Promise<unknown>): Promise<boolean> {
  const client = new MillraceClient(url, { token: TOKEN })
  let finished = false
  void imported.then(() => {
    finished = true
  })
  for (;;) {
    const { tasks } = await client.status()
    if (tasks.some(({ counts }) => counts.processed > 0)) return true
    if (finished) return false
  }
}

/** Only makes the moment random: it does not wait for anything. */
function randomMoment(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
