import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { openFileLog } from '@millrace/connectors/file'
import {
  type JobStatus,
  job,
  json,
  type Membership,
  stream,
  string,
  type TransactionalWriter,
  topic,
} from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { type Container, type ContainerOptions, startContainer } from '@millrace/runtime'
import { filter, firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<number>() })
const totals = stream(numbers)
  .groupByKey()
  .aggregate('totals', { init: () => 0, add: (total, value) => total + value, value: json<number>() })
const theJob = job('shared', totals, totals.changes().to(out))

const PARTITIONS = 4
/** How often a test looks at files that others change. */
const LOOK_MS = 10
let world: JobWorld
let closing: (() => Promise<void>)[] = []

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers', { partitions: PARTITIONS })
  await world.topic('out', { partitions: PARTITIONS })
})

afterEach(async () => {
  for (const close of closing.reverse()) await close()
  closing = []
  await world.close()
})

/** A container with its own log, as another process would have. */
async function start(options: Partial<ContainerOptions> = {}): Promise<Container> {
  const env = nodeEnv()
  const log = await openFileLog({ directory: world.directory, env, durability: 'os' })
  const container = await startContainer({
    job: theJob,
    log,
    env,
    stateDirectory: world.stateDirectory,
    commitIntervalMs: 5,
    ...options,
  })
  closing.push(async () => {
    await container.stop()
    await log.close()
  })
  return container
}

let produced = 0
async function produce(count: number): Promise<void> {
  const from = produced
  produced += count
  const records = Array.from({ length: count }, (_, index) => ({
    key: `k${(from + index) % PARTITIONS}`,
    value: 1,
    timestamp: 1000 + from + index,
    partition: (from + index) % PARTITIONS,
  }))
  await world.produce('numbers', numbers.value, records)
}

const statusOf = (container: Container, fits: (status: JobStatus) => boolean) =>
  firstValueFrom(container.status.pipe(filter(fits)))

const hasTasks = (container: Container, count: number) => statusOf(container, ({ tasks }) => tasks.length === count)

/** A member of the group that has tasks and processes nothing. */
async function memberThatWaits(): Promise<Membership> {
  // It must join with the same description and tasks as the others.
  const first = await start({ untilEnd: false })
  const { description, tasks } = groupNow()
  const log = await openFileLog({ directory: world.directory, env: nodeEnv() })
  closing.push(() => log.close())
  const member = await log.join('shared', { description, tasks: Object.keys(tasks), address: null, untilEnd: true })
  member.assignments.subscribe((assignment) => void member.release(assignment))
  await first.stop()
  return member
}

const groupNow = (): GroupOnDisk => JSON.parse(readFileSync(groupFile(), 'utf8'))

/** The part of a group's file that these tests read. */
interface GroupOnDisk {
  readonly description: string
  readonly members: Record<string, { readonly atEnd?: number }>
  readonly tasks: Record<string, unknown>
}

const groupDirectory = () => `${world.directory}/jobs/shared`
const groupNumbers = () =>
  readdirSync(groupDirectory()).flatMap((name) => {
    const number = /^group\.(\d+)\.json$/.exec(name)?.[1]
    return number === undefined ? [] : [Number(number)]
  })
const groupFile = () => `${groupDirectory()}/group.${Math.max(...groupNumbers())}.json`

function deleteGroupFiles(): void {
  for (const number of groupNumbers()) rmSync(`${groupDirectory()}/group.${number}.json`)
}
const members = () => readdirSync(`${world.directory}/jobs/shared/members`)

/** Begins a transaction in every changelog, behind which each restore waits. */
async function stickChangelog(): Promise<TransactionalWriter> {
  const log = await openFileLog({ directory: world.directory, env: nodeEnv() })
  closing.push(() => log.close())
  const stuck = await log.openTransactionalWriter('stuck')
  for (let partition = 0; partition < PARTITIONS; partition++) {
    write(await stuck.openPartition('shared.changelog', partition), null, 'never committed')
  }
  await stuck.flush()
  return stuck
}

/** The totals of every key that were sent: each once, in order. */
async function outputs(): Promise<number[][]> {
  const found: number[][] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    found.push((await world.read('out', out.value, partition)).map(([, value]) => value ?? 0))
  }
  return found
}

async function expectExact(): Promise<void> {
  const each = produced / PARTITIONS
  const found = (await outputs()).flat().sort((a, b) => a - b)
  const expected = Array.from({ length: each }, (_, index) => Array<number>(PARTITIONS).fill(index + 1)).flat()
  expect(found).toEqual(expected)
}

describe('containers that share a job', () => {
  beforeEach(() => {
    produced = 0
  })

  test('spread its tasks evenly, move them with a commit, and come to exact outputs', async () => {
    const first = await start()
    await hasTasks(first, 4)
    await produce(400)
    const second = await start()
    await produce(400)
    await Promise.all([hasTasks(first, 2), hasTasks(second, 2)])
    await produce(400)
    const third = await start()
    await hasTasks(third, 1)
    await produce(400)
    await second.stop()
    await Promise.all([hasTasks(first, 2), hasTasks(third, 2)])
    await produce(400)
    await first.stop()
    await hasTasks(third, 4)
    await third.stop()
    await world.runToEnd(theJob)
    await expectExact()
  })

  test('catch a task up where its state was written, and do not rebuild it', async () => {
    const notices: string[] = []
    const onNotice = (message: string) => notices.push(message)
    const first = await start({ onNotice })
    await produce(400)
    await statusOf(first, ({ tasks }) => tasks.reduce((sum, { counts }) => sum + counts.processed, 0) === 400)
    const second = await start({ onNotice })
    await hasTasks(second, 2)
    const moved = await statusOf(second, ({ tasks }) => tasks.length === 2)
    // What the previous owner committed is in the store that the next owner opens.
    expect(moved.tasks.map(({ counts }) => counts.restored)).toEqual([0, 0])
    await second.stop()
    await hasTasks(first, 4)
    expect(notices).toEqual([])
  })

  test('stop at once while a task that they have got waits for a transaction that no process ends', async () => {
    const [first, second] = [await start(), await start()]
    await Promise.all([hasTasks(first, 2), hasTasks(second, 2)])
    await produce(400)
    const stuck = await stickChangelog()
    await first.stop()
    // It looks at its group ten times a second.
    await setTimeout(500)
    await second.stop()
    await stuck.close()
    await world.runToEnd(theJob)
    await expectExact()
  })

  test('join again when their group file is deleted', async () => {
    const notices: string[] = []
    const onNotice = (message: string) => notices.push(message)
    const containers = [await start({ onNotice }), await start({ onNotice })]
    await Promise.all(containers.map((container) => hasTasks(container, 2)))
    await produce(400)
    deleteGroupFiles()
    while (notices.length < 2) await setTimeout(LOOK_MS)
    await Promise.all(containers.map((container) => hasTasks(container, 2)))
    await produce(400)
    await Promise.all(containers.map(({ stop }) => stop()))
    await Promise.all(containers.map(({ done }) => done))
    await world.runToEnd(theJob)
    await expectExact()
  })

  test('join again when their group file is deleted while they restore', async () => {
    const first = await start()
    await produce(400)
    await statusOf(first, ({ tasks }) => tasks.reduce((sum, { counts }) => sum + counts.processed, 0) === 400)
    await first.stop()
    const stuck = await stickChangelog()
    const restoring = Promise.withResolvers<void>()
    const fenced = Promise.withResolvers<string>()
    const starting = start({
      stateDirectory: `${world.directory}/elsewhere`,
      onRestore: () => restoring.resolve(),
      onNotice: fenced.resolve,
    })
    await restoring.promise
    deleteGroupFiles()
    expect(await Promise.race([fenced.promise, starting])).toContain('This container joins again')
    await stuck.close()
    await hasTasks(await starting, 4)
    await (await starting).stop()
    await world.runToEnd(theJob)
    await expectExact()
  })

  test('stop in order when they find out, as they stop, that others continued without them', async () => {
    const container = await start({ commitIntervalMs: 60_000 })
    await produce(400)
    await statusOf(container, ({ tasks }) => tasks.reduce((sum, { counts }) => sum + counts.processed, 0) === 400)
    const fencing = await world.log.openTransactionalWriter(`shared.${members()[0]}`)
    await container.stop()
    await container.done
    await fencing.close()
    // The next process repeats the work that this container had not committed.
    await world.runToEnd(theJob)
    await expectExact()
  })

  test('run to the end of what is there together', async () => {
    await produce(2000)
    const containers = [await start({ untilEnd: true }), await start({ untilEnd: true })]
    await Promise.all(containers.map(({ done }) => done))
    await expectExact()
  })

  test('end together when the whole job is at its end, with tasks or without', async () => {
    await produce(400)
    const waitedFor = await memberThatWaits()
    const ended: number[] = []
    const containers = [0, 1, 2, 3].map(() => start({ untilEnd: true }))
    for (const [index, starting] of containers.entries()) (await starting).done.then(() => ended.push(index))
    const atEnd = () => Object.values(groupNow().members).filter((member) => member.atEnd !== undefined)
    await expect.poll(() => atEnd().length, { interval: LOOK_MS, timeout: 10_000 }).toBe(4)
    // No container has left. There are five members and four tasks, so one of the members has no task.
    expect(ended).toEqual([])
    await waitedFor.leave()
    await Promise.all(containers.map(async (starting) => (await starting).done))
    await expectExact()
  })
})
