import { expect, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { EVERYTHING, forEach, TIMEOUT_MS, trials } from './extent.ts'
import { ORDERS, ScratchDirectory, startJob } from './job-process.ts'
import { Outcomes } from './outcomes.ts'

/** The number of runs with a clock that jumps. Each run is killed once and then continues. */
const RUNS = EVERYTHING ? 100 : trials(4)
const MOMENT_MS = 400

test('a clock that is set an hour forward and back all the time changes no result, also when the job is killed', {
  timeout: TIMEOUT_MS,
}, async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  console.log(`SEED=${seed}`)
  const random = seededRandom(seed)
  const moments = Array.from({ length: RUNS }, () => random() * MOMENT_MS)
  const outcomes = new Outcomes('runs under a jumping clock')
  await forEach(moments, async (moment, run) => {
    using scratch = new ScratchDirectory()
    const where = `SEED=${seed}, run ${run}`
    const { child, end } = startJob(scratch.path, { clock: 'jumping' })
    const kill = setTimeout(() => child.kill('SIGKILL'), moment)
    const first = await end
    clearTimeout(kill)
    outcomes.tried()
    if (first.signal === 'SIGKILL') outcomes.count('killed')
    else if (first.code !== 0) outcomes.violation(where, first.output)
    const second = await startJob(scratch.path, { clock: 'jumping' }).end
    if (second.code !== 0) outcomes.violation(where, second.output)
    outcomes.classify(where, await check(scratch.path, { orders: ORDERS + 20, acknowledged: ORDERS, clock: 'jumping' }))
  })
  outcomes.report()
  expect(outcomes.violations).toEqual([])
})
