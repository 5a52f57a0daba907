import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import {
  type Env,
  int64,
  job,
  type Log,
  type Savepoint,
  stream,
  string,
  topic,
  tumbling,
  windowed,
} from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { deleteSavepoint, listSavepoints, startContainer, takeSavepoint } from '@millrace/runtime'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { crashingEnv } from './crashing-env.ts'
import { JobWorld, shared } from './job-world.ts'

const PARTITIONS = 2
const numbers = topic('numbers', { key: string(), value: int64() })
const passed = topic('passed', { key: string(), value: int64() })
const finals = topic('finals', { key: windowed(string()), value: int64() })
const byDigit = stream(numbers).groupBy((n) => String(n % 10), string())
const counts = byDigit.count('counts')
const windows = byDigit.window(tumbling(1000)).count('windows', { emit: 'final' })
const theJob = job('shop', counts, windows, stream(numbers).to(passed), windows.changes().to(finals))
const INPUTS = ['numbers']
const OUTPUTS = ['passed', 'finals']

let world: JobWorld
let produced: number

beforeEach(async () => {
  world = await JobWorld.open()
  produced = 0
  for (const name of [...INPUTS, ...OUTPUTS])
    await world.topic(name, { partitions: PARTITIONS, segmentBytes: 16 * 1024 })
})

afterEach(() => world.close())

/** Appends the next numbers, each a millisecond later than the one before. */
async function produce(count: number): Promise<void> {
  const next = Array.from({ length: count }, (_, index) => produced + index)
  const records = next.map((n) => ({ key: `k${n % 7}`, value: n, timestamp: n, partition: n % PARTITIONS }))
  await world.produce('numbers', int64(), records)
  produced += count
}

function options(env: Env = world.env, log: Log = world.log) {
  return { job: 'shop', log, env, data: world.directory, stateDirectory: world.stateDirectory }
}

const savepointPath = (name: string) => `${world.directory}/savepoints/shop/${name}`

interface Continued {
  readonly counted: number
  readonly passed: readonly number[]
  readonly finals: ReadonlyMap<string, number>
  readonly notices: readonly string[]
}

/** Runs the job to its end from a savepoint, on another log that has the same inputs and empty outputs. */
async function continueFrom(name: string): Promise<Continued> {
  const directory = mkdtempSync(`${tmpdir()}/millrace-savepoint-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  cpSync(`${savepointPath(name)}/log`, directory, { recursive: true })
  cpSync(`${savepointPath(name)}/state`, `${directory}/state/shop`, { recursive: true })
  for (const input of INPUTS) {
    cpSync(`${world.directory}/topics/${input}`, `${directory}/topics/${input}`, { recursive: true })
  }
  const log = await openFileLog({ directory, durability: 'os' })
  for (const output of OUTPUTS) {
    // The journals in the copy know of commits in the former topic.
    await log.admin.deleteTopic(output).catch(() => undefined)
    await log.admin.createTopic(output, { partitions: PARTITIONS })
  }
  const notices: string[] = []
  const onNotice = (notice: string) => notices.push(notice)
  const run = { job: theJob, log, env: nodeEnv(), stateDirectory: `${directory}/state`, onNotice }
  await (await startContainer({ ...run, untilEnd: true })).done
  const container = await startContainer(run)
  let counted = 0
  for (const { store } of container.views.find((view) => view.name === 'counts')?.parts ?? []) {
    for (const { value } of (await store.range({ limit: 500 })).entries) counted += Number(value)
  }
  await container.stop()
  const results = { counted, passed: await valuesIn(log, 'passed'), finals: await finalsIn(log), notices }
  await log.close()
  return results
}

async function valuesIn(log: Log, name: string): Promise<number[]> {
  const values: number[] = []
  await eachRecord(log, name, (_key, value) => values.push(value))
  return values
}

/** By window and key: how often it was emitted. */
async function finalsIn(log: Log): Promise<Map<string, number>> {
  const emitted = new Map<string, number>()
  await eachRecord(log, 'finals', (key) => emitted.set(key, 1 + (emitted.get(key) ?? 0)))
  return emitted
}

async function eachRecord(log: Log, name: string, take: (key: string, value: number) => void): Promise<void> {
  const reader = log.openReader()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const from = await reader.assign(name, partition, 0)
    for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
      while (batch.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
        take(bytes.toString('hex', keyStart, keyEnd), int64().decode(bytes, valueStart, valueEnd))
      }
    }
  }
  await reader.close()
}

/** How many records of the input a position stands for. */
function read({ position }: Savepoint): number {
  return Object.values(position['numbers'] ?? {}).reduce((sum, offset) => sum + offset, 0)
}

/** What is in the outputs of a log after a savepoint, and what is before it, are together each record once. */
async function isExact(savepoint: Savepoint): Promise<void> {
  const continued = await continueFrom(savepoint.name)
  expect(continued.counted).toBe(produced)
  expect(continued.passed).toHaveLength(produced - read(savepoint))
  expect(new Set(continued.passed).size).toBe(continued.passed.length)
  expect([...continued.finals.values()].filter((times) => times !== 1)).toEqual([])
}

test('savepoints of a running job are each of one moment between its commits, with the state at that moment', {
  timeout: 60_000,
}, async () => {
  const containers = await Promise.all([world.start(theJob), world.start(theJob)])
  const taken: Savepoint[] = []
  for (let round = 0; round < 4; round++) {
    await produce(3000)
    taken.push(await takeSavepoint(options(), `s${round}`))
  }
  await shared(containers, 3 * PARTITIONS)
  await Promise.all(containers.map((container) => container.caughtUp()))
  taken.push(await takeSavepoint(options(), 'last'))
  await Promise.all(containers.map((container) => container.stop()))
  expect(read(taken.at(-1) ?? (await takeSavepoint(options())))).toBe(produced)
  for (const savepoint of taken) await isExact(savepoint)
  expect(listSavepoints(options())).toMatchObject(taken.map(({ name, position }) => ({ name, position })))
})

test('a savepoint of a stopped job continues with its copy of the state, which is not rebuilt', async () => {
  await produce(5000)
  await world.runToEnd(theJob)
  const savepoint = await takeSavepoint(options(), 'stopped')
  expect(read(savepoint)).toBe(5000)
  await produce(1000)
  await world.runToEnd(theJob)
  expect(readdirSync(`${savepointPath('stopped')}/state`)).toHaveLength(3 * PARTITIONS)
  expect((await continueFrom('stopped')).notices).toEqual([])
  await isExact(savepoint)
})

test('a savepoint of a job without local state has its positions from the changelog', async () => {
  await produce(500)
  await world.runToEnd(theJob)
  rmSync(world.stateDirectory, { recursive: true })
  const savepoint = await takeSavepoint(options(), 'bare')
  expect(read(savepoint)).toBe(500)
  await isExact(savepoint)
})

test('a name that is taken, missing or not a name is refused, and a deleted savepoint is gone', async () => {
  await produce(10)
  await expect(takeSavepoint(options(), 'one')).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  await world.runToEnd(theJob)
  await takeSavepoint(options(), 'one')
  await expect(takeSavepoint(options(), 'one')).rejects.toMatchObject({ code: 'SAVEPOINT_EXISTS' })
  await expect(takeSavepoint(options(), '../two')).rejects.toMatchObject({ code: 'BAD_NAME' })
  await expect(deleteSavepoint(options(), 'two')).rejects.toMatchObject({
    code: 'SAVEPOINT_MISSING',
    message: expect.stringContaining('one'),
  })
  await deleteSavepoint(options(), 'one')
  expect(listSavepoints(options())).toEqual([])
  expect(readdirSync(`${world.directory}/savepoints/shop`)).toEqual([])
  const { name } = await takeSavepoint(options())
  expect([name, (await takeSavepoint(options())).name]).toEqual(['savepoint-1', 'savepoint-2'])
})

test('a job that has topics, and has never run, has no savepoint', async () => {
  for (const name of ['shop.catalog', 'shop.changelog']) await world.topic(name)
  await expect(takeSavepoint(options(), 'one')).rejects.toMatchObject({
    code: 'TOPIC_MISSING',
    message: expect.stringContaining('never run'),
  })
  expect(listSavepoints(options())).toEqual([])
})

test('whichever call to the disk a crash follows, there is a whole savepoint or none, and the next one succeeds', {
  timeout: 120_000,
}, async () => {
  await produce(3000)
  await world.runToEnd(theJob)
  let calls = 0
  const count = crashingEnv(() => ++calls < 0)
  await takeSavepoint(options(count, await openedWith(count)), 'counted')
  await deleteSavepoint(options(), 'counted')
  for (let last = 0; last < calls; last += 7) {
    let call = 0
    const env = crashingEnv(() => ++call > last)
    const taken = await openedWith(env)
      .then((log) => takeSavepoint(options(env, log), `s${last}`))
      .catch(() => undefined)
    if (taken !== undefined) expect(existsSync(savepointPath(`s${last}`))).toBe(true)
    for (const savepoint of listSavepoints(options())) {
      await isExact(savepoint)
      await deleteSavepoint(options(), savepoint.name)
    }
  }
  await isExact(await takeSavepoint(options(), 'after'))
  expect(readdirSync(`${world.directory}/savepoints/shop`)).toEqual(['after'])
})

async function openedWith(env: Env): Promise<Log> {
  const log = await openFileLog({ directory: world.directory, env, durability: 'os' })
  onTestFinished(() => log.close())
  return log
}
