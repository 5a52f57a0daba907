import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MemoryLog, memoryLog } from '@millrace/connectors/memory'
import { deadLetter, describe, int64, type Job, job, json, stream, string, topic, tumbling } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { planJob, runJob } from '@millrace/runtime'
import pc from 'picocolors'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { planText } from './plan-text.ts'

interface Flight {
  readonly delay: number
}

const flights = topic('flights', { key: string(), value: json<Flight>() })
const late = topic('late', { key: string(), value: json<Flight>() })
const byKey = stream(flights).groupByKey()
const counts = byKey.count('counts')
const delaysIn = (hours: '1h' | '2h') =>
  byKey.window(tumbling(hours)).aggregate('delays', {
    init: () => 0,
    add: (total, flight) => total + flight.delay,
    value: int64(),
  })
const spread = (partitions: number) =>
  stream(flights).repartition('spread', { partitions }).groupByKey().count('spread')
const former = job('delays', counts, delaysIn('1h'))
const filtered = stream(flights)
  .filter((flight) => flight.delay > 0)
  .groupByKey()
  .count('counts')

let log: MemoryLog
let stateDirectory: string

beforeEach(async () => {
  log = memoryLog()
  stateDirectory = mkdtempSync(join(tmpdir(), 'millrace-plan-text-'))
  await log.admin.createTopic('flights')
})

afterEach(() => rmSync(stateDirectory, { recursive: true, force: true }))

/** Runs a job over three more records. */
async function run(theJob: Job): Promise<void> {
  const writer = log.openWriter()
  const to = await writer.openPartition('flights', 0)
  for (let index = 0; index < 3; index++) {
    to.append(1000 + index, Buffer.from('k'), 0, 1, { delay: index }, flights.value, [])
  }
  await writer.flush()
  await writer.close()
  await (await runJob(theJob, { log, stateDirectory, untilEnd: true, onNotice: () => undefined })).done
}

async function shown(theJob: Job, before?: Job, acceptLoss: readonly string[] = []): Promise<string> {
  const known = before === undefined ? {} : { before: describe(before, 'json') }
  const plan = await planJob(theJob, { log, env: nodeEnv(), acceptLoss, ...known })
  return `\n${planText(plan, pc.createColors(false))}\n`
}

const CONTINUES = `Job delays starts, and continues from its last commit.
If it runs now, start it with --upgrade: all its tasks move at once when the former processes have ended.`
const REFUSED = `The start of job delays is refused.
To compute everything again ("millrace reset delays", or beside it as .withVersion(2)), the job reads at most 3 records of topic flights.`

test('on a terminal a plan has colours, and what comes from the job is escaped', async () => {
  const plan = await planJob(job('delays', counts), { log, env: nodeEnv() })
  const steps = { added: ['map "\u001b[2J"'], removed: [], changed: [] }
  const text = planText({ ...plan, steps }, pc.createColors(true))
  expect(text).toContain('\u001b[1mSteps\u001b[22m\n  \u001b[32m+\u001b[39m map "\\u001b[2J"\n')
})

test('the plan of a job that has not run lists what is made', async () => {
  expect(await shown(job('delays', counts, spread(2)))).toBe(`
Stores
  + counts  new: counts from the start of topic flights on
  + spread  new: counts from the start of topic flights on

Topics
  + delays.spread.repartition  repartition: is made, with 2 partitions
  + delays.changelog           changelog: is made, with 2 partitions
  + delays.catalog             catalog: is made, with 1 partition

Job delays starts for the first time.
The job reads at most 0 records of topic flights.
`)
})

test.each<[string, Job, string]>([
  [
    'without a change',
    former,
    `
Stores
  = counts  kept
  = delays  kept

Nothing changes.
The processes of the job can be replaced one after the other.
`,
  ],
  [
    'with other windows',
    job('delays', counts, delaysIn('2h')),
    `
Stores
  = counts  kept
  ! delays  would start empty: what it holds is lost, and it counts from flights/0=3 on
            It is computed in another way: window size 1h, now 2h; advance 1h, now 2h
            To accept this: --accept-loss delays

${REFUSED}
`,
  ],
  [
    'with another store',
    job('delays', counts, delaysIn('1h'), spread(1)),
    `
Steps
  + repartition "spread"
  + count "spread"

Stores
  = counts  kept
  = delays  kept
  ! spread  would start empty: it does not count the records before, and it counts from flights/0=3 on
            It missed flights/0 from offset 0 to 3, which the job processed without it
            To accept this: --accept-loss spread

Topics
  + delays.spread.repartition  repartition: is made, with 1 partition

${REFUSED}
`,
  ],
  [
    'without a store',
    job('delays', counts),
    `
Steps
  - aggregate "delays"

Stores
  = counts  kept
  - delays  removed: its content stays in the changelog
            It misses the records that are processed from now on: once there are any of flights, it can only return empty

${CONTINUES}
`,
  ],
  [
    'with a step before a store',
    job('delays', filtered, delaysIn('1h')),
    `
Steps
  + filter (after topic flights)
  ~ count "counts"  steps before it none, now filter

Stores
  = counts  kept
            What it holds was computed with the former steps before it, and stays as it is
  = delays  kept

${CONTINUES}
`,
  ],
  [
    'with an output to a topic that is missing',
    job('delays', counts, delaysIn('1h'), stream(flights).to(late)),
    `
Steps
  + to "late"

Stores
  = counts  kept
  = delays  kept

Topics
  ! late  sink: is missing

The start of job delays is refused.
`,
  ],
  [
    'with another policy and other times',
    job(
      'delays',
      stream(topic('flights', { key: string(), value: json<Flight>(), aheadMax: 'unlimited' }))
        .groupByKey()
        .count('counts'),
    ).onError({ callback: deadLetter('late') }),
    `
Steps
  - aggregate "delays"

Stores
  = counts  kept
  - delays  removed: its content stays in the changelog
            It misses the records that are processed from now on: once there are any of flights, it can only return empty

Topics
  ! late  dead-letter: is missing

Settings
  ~ onError callback           fail, now dead letter to late
  ~ aheadMax of topic flights  1d, now unlimited

The start of job delays is refused.
`,
  ],
])('the plan of a job %s lists that', async (_, now, text) => {
  await run(former)
  expect(await shown(now, former)).toBe(text)
})

test('a loss that is accepted is listed, and what was not compared is named', async () => {
  await run(former)
  expect(await shown(job('delays', counts, delaysIn('2h')), undefined, ['delays'])).toBe(`
Stores
  = counts  kept
  ~ delays  starts empty: what it holds is lost, and it counts from flights/0=3 on
            It is computed in another way: window size 1h, now 2h; advance 1h, now 2h

${CONTINUES}
Steps and settings were not compared. To compare them, name the former job file with --before.
`)
  expect(await shown(former)).toContain('\n\nNothing changes in stores and topics.\n')
})

test('a repartition topic with other partitions, and one that is not used any more, are listed', async () => {
  const before = job('delays', counts, spread(1))
  await run(before)
  expect(await shown(job('delays', counts, spread(2)), before)).toBe(`
Stores
  = counts  kept
  = spread  kept

Topics
  ! delays.spread.repartition  repartition: does not fit the job
  ! delays.changelog           changelog: does not fit the job

${REFUSED}
`)
  expect(await shown(job('delays', counts))).toContain(
    '\n  - delays.spread.repartition  repartition: is not used any more, and stays until a reset\n',
  )
})

test('what retention has deleted, and a changelog that is gone, are listed', async () => {
  await run(former)
  await log.admin.deleteTopic('delays.changelog')
  await log.admin.purge('flights', 0, 2)
  expect(await shown(former)).toBe(`
Stores
  ~ counts  computed again from flights/0=2 on
            The changelog that held its content is gone
  ~ delays  computed again from flights/0=2 on
            The changelog that held its content is gone

Topics
  + delays.changelog  changelog: is made, with 1 partition

Job delays starts for the first time.
The job reads at most 1 record of topic flights.
Deleted from the start of topic flights, and not to be counted again: 2 records.
`)
})
