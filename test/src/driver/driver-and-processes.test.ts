import type { Log } from '@millrace/core'
import { openTopicWriter, string, topic } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import {
  differences,
  type Found,
  findTable,
  ids,
  idsJob,
  JobFold,
  lateTopic,
  resultsTopic,
  type Sources,
  type TablePlan,
} from '@millrace/testing/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { planOf, type RandomJob, randomJob } from '../runtime/random-time/random-job.ts'
import { randomRecords, recordsOf, type SourceRecord, sourcesOf } from '../runtime/random-time/random-run.ts'
import { NEVER_IDLE_MS, RandomProcesses } from './random-processes.ts'

/** The number of random jobs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(60))
/** A run in processes starts three of them, and takes a second. */
const PROCESS_RUNS = Math.ceil(RUNS / 10)

/** Each commit of such a run costs two starts. */
const CRASHING_RUNS = Math.ceil(RUNS / 10)

/** What happens in the driver between two records. */
const between = fc.oneof(
  { weight: 6, arbitrary: fc.constant('nothing' as const) },
  { weight: 1, arbitrary: fc.constantFrom('stop and start', 'lose the state', 'let time pass') },
)

type Between = 'nothing' | 'stop and start' | 'lose the state' | 'let time pass'

const runs = { random: randomJob, randoms: randomRecords, moments: fc.array(between, { minLength: 60, maxLength: 60 }) }

test(
  'random jobs, stopped and restored in the middle, give in the driver what a fold by hand gives',
  () =>
    fc.assert(
      fc.asyncProperty(fc.record(runs), async ({ random, randoms, moments }) => {
        const { records, tables, sources } = given(random, randoms)
        const found = await runInDriver(random, records, moments)
        expect(problemsOf(tables, found, sources)).toEqual([])
      }),
      { numRuns: RUNS },
    ),
  limitMs(RUNS),
)

test(
  'random jobs, cut off at every commit, give in the driver what a fold by hand gives',
  () =>
    fc.assert(
      fc.asyncProperty(fc.record(runs), async ({ random, randoms, moments }) => {
        const { records, tables, sources } = given(random, randoms)
        const found = await runInDriver(random, records, moments, true)
        expect(problemsOf(tables, found, sources)).toEqual([])
      }),
      // A failing run is not made smaller: that would take minutes. Its seed repeats it.
      { numRuns: CRASHING_RUNS, endOnFailure: true },
    ),
  limitMs(CRASHING_RUNS, 20_000),
)

test(
  'random jobs give the same results in the driver and in processes that share them, of which one is killed',
  () =>
    fc.assert(
      fc.asyncProperty(fc.record(runs), async ({ random, randoms, moments }) => {
        const { records, tables, sources } = given(random, randoms)
        const inProcesses = await runInProcesses(random, records)
        expect(problemsOf(tables, inProcesses, sources)).toEqual([])
        const inDriver = await runInDriver(random, records, moments)
        for (const table of tables) {
          expect(comparable(table, inDriver.get(table.name))).toEqual(comparable(table, inProcesses.get(table.name)))
        }
      }),
      // A failing run is not made smaller: that would start hundreds of processes. Its seed repeats it.
      { numRuns: PROCESS_RUNS, endOnFailure: true },
    ),
  limitMs(PROCESS_RUNS, 20_000),
)

function given(random: RandomJob, randoms: Parameters<typeof recordsOf>[0]) {
  const { topics, tables } = planOf(random)
  const records = recordsOf(randoms, topics, random.partitions)
  return { records, tables, sources: sourcesOf(records, topics, random.partitions) }
}

async function runInDriver(
  random: RandomJob,
  records: readonly SourceRecord[],
  moments: readonly Between[],
  crashAtEveryCommit = false,
): Promise<ReadonlyMap<string, Found>> {
  const { topics, tables } = planOf(random)
  const driver = await openTestDriver(idsJob('random', { topics, tables }), {
    partitions: random.partitions,
    crashAtEveryCommit,
    idleAfterMs: NEVER_IDLE_MS,
  })
  try {
    await makeTopics(driver.log, random)
    for (const [index, record] of records.entries()) {
      await driver.send(sourceTopic(record.topic), toSend(record))
      const moment = moments[index] ?? 'nothing'
      if (moment === 'let time pass') await driver.advance('1h')
      if (moment === 'nothing' || moment === 'let time pass') continue
      await driver.stop()
      if (moment === 'lose the state') driver.loseState()
      await driver.start()
    }
    await driver.runUntilEnd()
    const found = new Map<string, Found>()
    for (const table of tables) found.set(table.name, await findTable(driver.log, driver, table))
    return found
  } finally {
    await driver.close()
  }
}

async function runInProcesses(
  random: RandomJob,
  records: readonly SourceRecord[],
): Promise<ReadonlyMap<string, Found>> {
  const processes = await RandomProcesses.open(random)
  try {
    await makeTopics(processes.log, random)
    const [first] = await Promise.all([processes.start(), processes.start()])
    const half = records.length >> 1
    for (const record of records.slice(0, half)) await append(processes.log, record)
    await processes.kill(first)
    for (const record of records.slice(half)) await append(processes.log, record)
    return await processes.finish(planOf(random).tables)
  } finally {
    await processes.close()
  }
}

/** Makes the topics that are not there; a random job does not read all topics of its plan. */
async function makeTopics(log: Log, random: RandomJob): Promise<void> {
  const { topics, tables } = planOf(random)
  const outputs = tables.flatMap(({ name }) => [resultsTopic(name).name, lateTopic(name).name])
  for (const name of [...topics, ...outputs]) {
    if ((await log.admin.describeTopic(name)) !== undefined) continue
    await log.admin.createTopic(name, { partitions: random.partitions })
  }
}

async function append(log: Log, record: SourceRecord): Promise<void> {
  const writer = await openTopicWriter(log, sourceTopic(record.topic))
  writer.send(toSend(record))
  await writer.close()
}

function sourceTopic(name: string) {
  return topic(name, { key: string(), value: ids })
}

function toSend({ key, id, time, partition, deletion }: SourceRecord) {
  return { key, value: deletion ? null : [id], timestamp: time, partition }
}

function problemsOf(
  tables: readonly TablePlan[],
  found: ReadonlyMap<string, Found>,
  sources: Sources,
): readonly string[] {
  const fold = new JobFold(sources)
  return tables.flatMap((table) => {
    const there = found.get(table.name)
    return there === undefined ? [`${table.name} is missing`] : differences(table, there, fold.table(table))
  })
}

/** What is found of a table, without what depends on how partitions interleave: the order of records, and unordered changes. */
function comparable(table: TablePlan, found: Found | undefined) {
  const texts = (records: readonly object[] = []) => records.map((record) => JSON.stringify(record)).sort()
  const isFinal = table.kind !== 'total' && table.emit === 'final'
  return {
    rows: Object.fromEntries(found?.rows ?? []),
    late: texts(found?.late),
    results: isFinal || table.ordered ? texts(found?.results) : undefined,
  }
}
