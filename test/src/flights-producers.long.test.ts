import { fileURLToPath } from 'node:url'
import { FLIGHTS_FILE, foldFlights } from '@millrace/job-flights'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { expect, test } from 'vitest'
import { run, start } from './flights/command.ts'
import { airportPartition, differences, FlightsWorld } from './flights/flights-world.ts'

const FLIGHTS = 100_000
const LATE_JOB = fileURLToPath(new URL('./flights/late-job.ts', import.meta.url))

test('two processes that produce at once, while the job runs, make the views that one alone would make', async () => {
  using world = await FlightsWorld.create()
  const job = start(['run', LATE_JOB, '--no-check', '--data', world.data])
  await job.line(/served at/)
  const lines = await flightLines()
  const produced = await Promise.all(
    [0, 1].map((half) => {
      const stdin = lines.filter((_, index) => index % 2 === half).join('\n')
      const fields = ['--key-field', 'origin', '--timestamp-field', 'date']
      return run(['topics', 'produce', 'flights', ...fields, '--data', world.data], { stdin })
    }),
  )
  expect(produced.map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, expect.stringContaining('50,000 records appended to flights\n')],
    [0, expect.stringContaining('50,000 records appended to flights\n')],
  ])
  job.child.kill('SIGTERM')
  expect((await job.ended).code).toBe(0)
  await world.runUntilEnd(LATE_JOB)
  const oracle = await foldFlights({ limit: FLIGHTS, graceMs: 0, partitionOf: airportPartition })
  expect(differences(await world.views(LATE_JOB), oracle, ['delays', 'routes'])).toEqual([])
}, 60_000)

async function flightLines(): Promise<string[]> {
  const file = await asyncBufferFromFile(FLIGHTS_FILE)
  const rows = await parquetReadObjects({ file, compressors, rowEnd: FLIGHTS })
  return rows.map((row) => JSON.stringify(row, (_field, value) => (typeof value === 'bigint' ? Number(value) : value)))
}
