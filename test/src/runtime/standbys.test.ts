import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { type JobStatus, job, json, type Log, type StandbyStatus, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type Container, type ContainerOptions, startContainer } from '@millrace/runtime'
import { type LevelEngine, levelDb } from '@millrace/state'
import { filter, firstValueFrom, skip } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { passLog } from './cut-log.ts'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const totals = stream(numbers)
  .groupByKey()
  .aggregate('totals', { init: () => 0, add: (total, value) => total + value, value: json<number>() })
const theJob = job('warm', totals)

const PARTITIONS = 4
const TASKS = Array.from({ length: PARTITIONS }, (_, partition) => `numbers-${partition}`)
/** Each partition has so many keys, and each key so many records: a restore reads at least as many changelog records as keys. */
const KEYS = 500

let world: JobWorld
let closing: (() => Promise<void>)[] = []
let rounds = 0

beforeEach(async () => {
  world = await JobWorld.open()
  rounds = 0
  await world.topic('numbers', { partitions: PARTITIONS })
})

afterEach(async () => {
  for (const close of closing.reverse()) await close()
  closing = []
  await world.close()
})

/** A container with its own log, as another process would have. */
async function start(options: Partial<ContainerOptions> & { wrap?: (log: Log) => Log } = {}): Promise<Container> {
  const { wrap = (log) => log, ...others } = options
  const env = nodeEnv()
  const log = await openFileLog({ directory: world.directory, env, durability: 'os' })
  const container = await startContainer({
    job: theJob,
    log: wrap(log),
    env,
    stateDirectory: world.stateDirectory,
    commitIntervalMs: 5,
    standbys: 1,
    ...others,
  })
  closing.push(async () => {
    await container.stop()
    await log.close()
  })
  return container
}

/** One more record for each key. */
async function produce(): Promise<void> {
  rounds++
  const records = Array.from({ length: PARTITIONS * KEYS }, (_, index) => ({
    key: `k${index}`,
    value: 1,
    timestamp: rounds,
    partition: index % PARTITIONS,
  }))
  await world.produce('numbers', numbers.value, records)
}

const statusOf = (container: Container, fits: (status: JobStatus) => boolean) =>
  firstValueFrom(container.status.pipe(filter(fits)))

const tasksOf = ({ tasks }: JobStatus) => tasks.map(({ task }) => task).sort()

/** The status of a container that has so many tasks, and so many standbys that are all ready. */
const warm = (container: Container, tasks: number, standbys: number) =>
  statusOf(
    container,
    (status) =>
      status.tasks.length === tasks &&
      (status.standbys ?? []).length === standbys &&
      (status.standbys ?? []).every(({ phase }) => phase === 'ready'),
  )

/** The totals of all keys in the parts that a container has. */
async function totalsIn(container: Container): Promise<Map<string, number>> {
  const rows = new Map<string, number>()
  for (const { store } of container.views[0]?.parts ?? []) {
    const { entries } = await store.range({ limit: 10_000 })
    for (const { key, value } of entries) rows.set(String(key), Number(value))
  }
  return rows
}

const expected = () =>
  new Map(Array.from({ length: PARTITIONS * KEYS }, (_, index): [string, number] => [`k${index}`, rounds]))

/** Two containers that have processed a round, each with half of the tasks and a standby of each of the others. */
async function pair(options: Partial<ContainerOptions> = {}): Promise<[Container, Container]> {
  await produce()
  const first = await start(options)
  await first.caughtUp()
  const second = await start(options)
  await warm(first, 2, 2)
  await warm(second, 2, 2)
  return [first, second]
}

const restoredIn = ({ tasks }: JobStatus, of: (task: string) => boolean = () => true) =>
  tasks.filter(({ task }) => of(task)).reduce((sum, { counts }) => sum + counts.restored, 0)

describe('standbys', () => {
  test('take over what a container had when it ends, and read only what was committed since they last looked', async () => {
    const [first, second] = await pair()
    await produce()
    await Promise.all([first.caughtUp(), second.caughtUp()])
    const before = await warm(second, 2, 2)
    const own = tasksOf(before)
    // Nothing but the standby has what the first container computed.
    await first.stop()
    for (const task of TASKS) if (!own.includes(task)) rmSync(ownersDirectory(task), { recursive: true })
    const after = await warm(second, 4, 0)
    // A round is one commit of each key: a restore from the start would read each key once or twice.
    expect(restoredIn(after, (task) => !own.includes(task))).toBeLessThan(2 * KEYS)
    await produce()
    await second.caughtUp()
    expect(await totalsIn(second)).toEqual(expected())
  })

  test('that have caught up leave nothing to be restored', async () => {
    const [first, second] = await pair()
    const own = tasksOf(await warm(second, 2, 2))
    await statusOf(second, ({ standbys = [] }) => standbys.every(isAtEnd))
    await first.stop()
    const after = await warm(second, 4, 0)
    expect(restoredIn(after, (task) => !own.includes(task))).toBe(0)
    expect(await totalsIn(second)).toEqual(expected())
  })

  test('report how far they are', async () => {
    const [first, second] = await pair()
    const before = (await statusOf(first, ({ standbys: found = [] }) => found.every(isAtEnd))).standbys ?? []
    await produce()
    await Promise.all([first.caughtUp(), second.caughtUp()])
    const areFurther = ({ standbys: found = [] }: JobStatus) =>
      found.every((standby, at) => isAtEnd(standby) && standby.offset > (before[at]?.offset ?? 0))
    const { standbys = [] } = await statusOf(first, areFurther)
    expect(standbys.map(({ task }) => task).sort()).toEqual(tasksOf(await warm(second, 2, 2)))
    // They can be read as the parts of the view that they are.
    const copies = first.views[0]?.standbys ?? []
    expect(copies.map(({ partition }) => partition)).toEqual(standbys.map(({ partition }) => partition))
    for (const { partition, store, position } of copies) {
      expect(position).toEqual({ numbers: { [partition]: rounds * KEYS } })
      expect(await store.get(`k${partition}`)).toBe(rounds)
    }
    for (const standby of standbys) {
      expect(standby).toMatchObject({ phase: 'ready', problem: null, partition: Number(standby.task.split('-')[1]) })
      expect(standby.offset).toBeGreaterThan(KEYS)
    }
  })

  test('hold no record that is not committed', async () => {
    const [first, second] = await pair()
    const { standbys = [] } = await statusOf(second, (status) => (status.standbys ?? []).every(isAtEnd))
    const [undecided, abort] = await appendUndecided(standbys.map(({ partition }) => partition))
    // Each report comes after a look at the changelog.
    const later = await firstValueFrom(second.status.pipe(skip(4)))
    expect(later.standbys).toEqual(standbys)
    await abort()
    await first.stop()
    await warm(second, 4, 0)
    expect((await totalsIn(second)).get(undecided)).toBe(rounds)
    expect(await totalsIn(second)).toEqual(expected())
  })

  test('are kept in directories beside those of the tasks, and the copy of the last owner is opened again', async () => {
    const [first, second] = await pair()
    await first.stop()
    const { tasks } = await warm(second, 4, 0)
    await produce()
    await second.caughtUp()
    await second.stop()
    expect(tasks).toHaveLength(4)
    const notices: string[] = []
    const third = await start({ onNotice: (notice) => notices.push(notice) })
    const reopened = await warm(third, 4, 0)
    expect(notices).toEqual([])
    expect(restoredIn(reopened)).toBe(0)
    expect(await totalsIn(third)).toEqual(expected())
  })

  test('of tasks whose containers have other disks take over there, too', async () => {
    let disks = 0
    const wrap = (log: Log): Log => ({ ...passLog(log), capabilities: { ...log.capabilities, local: false } })
    const alone = () => start({ wrap, stateDirectory: `${world.directory}/disk-${++disks}` })
    await produce()
    const first = await alone()
    await first.caughtUp()
    const second = await alone()
    const own = tasksOf(await warm(second, 2, 2))
    await first.stop()
    rmSync(`${world.directory}/disk-1`, { recursive: true })
    expect(restoredIn(await warm(second, 4, 0), (task) => !own.includes(task))).toBeLessThan(KEYS)
    // Each standby is in the directory of its task, as no other container uses it.
    expect(readdirSync(`${world.directory}/disk-2/warm`).sort()).toEqual(TASKS)
    expect(await totalsIn(second)).toEqual(expected())
  })

  test('that are with a container no longer leave nothing on its disk', async () => {
    await pair()
    expect(emptyCopies()).toEqual([])
    // One of four standbys moves to the third container, and is given up where it was once it is ready there.
    const third = await start()
    const isWarm = ({ tasks, standbys = [] }: JobStatus) =>
      tasks.length === 1 && standbys.length > 0 && standbys.every(({ phase }) => phase === 'ready')
    await statusOf(third, isWarm)
    await expect.poll(emptyCopies, { timeout: 10_000 }).toHaveLength(1)
  })

  test('that cannot be written begin again later, and stop nothing', async () => {
    const notices: string[] = []
    await produce()
    const first = await start()
    await first.caughtUp()
    let failing = true
    const engine = failingIn(/\.\d$/, () => failing)
    const second = await start({ engine, onNotice: (notice) => notices.push(notice) })
    const isFailed = ({ phase, problem }: StandbyStatus) => phase === 'failed' && problem?.includes('no space') === true
    await statusOf(
      second,
      ({ phase, standbys = [] }) => phase === 'running' && standbys.length === 4 && standbys.every(isFailed),
    )
    expect(notices.filter((notice) => notice.includes('begins again'))).toHaveLength(4)
    // The group does not count on these standbys.
    expect((await warm(first, 4, 0)).tasks).toHaveLength(4)
    failing = false
    await first.stop()
    await warm(second, 4, 0)
    await produce()
    await second.caughtUp()
    expect(await totalsIn(second)).toEqual(expected())
  })

  test('that failed are tried again after ten seconds', async () => {
    await produce()
    const first = await start()
    await first.caughtUp()
    let failing = true
    let waits = 0
    const env = nodeEnv()
    const after = (ms: number, callback: () => void) => {
      if (ms !== 10_000) return env.timers.after(ms, callback)
      waits++
      failing = false
      return env.timers.after(0, callback)
    }
    const timers = { after, turn: () => env.timers.turn() }
    const second = await start({ env: { ...env, timers }, engine: failingIn(/\.\d$/, () => failing) })
    await warm(second, 2, 2)
    expect(waits).toBeGreaterThan(0)
  })

  test('whose report fails are reported again', async () => {
    await produce()
    const first = await start()
    await first.caughtUp()
    let failures = 0
    const wrap = (log: Log): Log => ({
      ...passLog(log),
      join: async (group, options) => {
        const membership = await log.join(group, options)
        const { reportStandbys } = membership
        membership.reportStandbys = (assignment, ready) =>
          ++failures === 1 ? Promise.reject(new Error('no space')) : reportStandbys.call(membership, assignment, ready)
        return membership
      },
    })
    const second = await start({ wrap })
    await warm(second, 2, 2)
    expect(failures).toBeGreaterThan(1)
    // A failure that concerns standbys only has stopped nothing.
    await produce()
    await Promise.all([first.caughtUp(), second.caughtUp()])
  })

  test('of which there are two for each task take over from two containers that end at once', async () => {
    await produce()
    const containers = [await start({ standbys: 2 }), await start({ standbys: 2 }), await start({ standbys: 2 })]
    const shares = await Promise.all(
      containers.map(async (container) => {
        // Each container has all tasks, its own or as standbys.
        const isWarm = ({ tasks, standbys = [] }: JobStatus) =>
          tasks.length > 0 && tasks.length <= 2 && tasks.length + standbys.length === 4 && standbys.every(isAtEnd)
        return tasksOf(await statusOf(container, isWarm))
      }),
    )
    const [first, second, third] = containers
    await Promise.all([first?.stop(), second?.stop()])
    if (third === undefined) throw new Error('No container was started')
    const own = shares[2] ?? []
    expect(restoredIn(await warm(third, 4, 0), (task) => !own.includes(task))).toBeLessThan(KEYS)
    expect(await totalsIn(third)).toEqual(expected())
  })

  test('of a state that was rebuilt are rebuilt', async () => {
    const [first, second] = await pair()
    await first.stop()
    await warm(second, 4, 0)
    await second.stop()
    // The copies of before belong to another changelog now.
    await world.log.admin.deleteTopic('warm.changelog')
    await world.log.admin.deleteTopic('warm.catalog')
    const [third, fourth] = await pair()
    await Promise.all([third.caughtUp(), fourth.caughtUp()])
    await third.stop()
    await warm(fourth, 4, 0)
    expect(await totalsIn(fourth)).toEqual(expected())
  })

  test('are not kept unless a container wants them', async () => {
    await produce()
    const first = await start({ standbys: 0 })
    await first.caughtUp()
    const second = await start({ standbys: 0 })
    await warm(first, 2, 0)
    await warm(second, 2, 0)
    expect(readdirSync(`${world.stateDirectory}/warm`).sort()).toEqual(TASKS)
  })
})

test.each([-1, 0.5, 5, Number.NaN])('a job with %s standbys of each task is refused', async (standbys) => {
  await expect(world.start(theJob, { standbys })).rejects.toMatchObject({ code: 'UNSUPPORTED', place: { job: 'warm' } })
})

test('standbys are refused on a log where only one process runs a job', async () => {
  const log: Log = { ...passLog(world.log), capabilities: { ...world.log.capabilities, membership: false } }
  await expect(world.start(theJob, { log, standbys: 1 })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('only one process'),
  })
})

const isAtEnd = ({ offset, endOffset, phase }: StandbyStatus) =>
  phase === 'ready' && offset >= endOffset && offset > KEYS

/** The directory of the copy that the owner of a task had open. */
function ownersDirectory(task: string): string {
  const hint = `${world.stateDirectory}/warm/${task}.owner`
  const copy = existsSync(hint) ? readFileSync(hint, 'utf8') : '1'
  return `${world.stateDirectory}/warm/${task}${copy === '1' ? '' : `.${copy}`}`
}

/** The copies of tasks' states that have no entries. */
function emptyCopies(): string[] {
  const directory = `${world.stateDirectory}/warm`
  return readdirSync(directory).filter((name) => {
    if (name.endsWith('.owner')) return false
    const files = readdirSync(`${directory}/${name}`).filter((file) => /\.(log|ldb)$/.test(file))
    return files.reduce((sum, file) => sum + statSync(`${directory}/${name}/${file}`).size, 0) < KEYS * 10
  })
}

/** Appends a record for a key to each of these partitions of the changelog, in a transaction that is open. */
async function appendUndecided(partitions: readonly number[]): Promise<[key: string, abort: () => Promise<void>]> {
  const log = await openFileLog({ directory: world.directory, env: nodeEnv(), durability: 'os' })
  const writer = await log.openTransactionalWriter('undecided')
  const key = `k${partitions[0]}`
  for (const partition of partitions) {
    const to = await writer.openPartition('warm.changelog', partition)
    const bytes = Buffer.from(`totals\0k${partition}`)
    to.append(1, bytes, 0, bytes.length, 999, numbers.value, [])
  }
  await writer.flush()
  const abort = async () => {
    await writer.abort()
    await log.close()
  }
  return [key, abort]
}

/** LevelDB whose writes fail in some directories. */
function failingIn(directories: RegExp, failing: () => boolean): LevelEngine {
  return {
    check: (env, directory) => levelDb.check(env, directory),
    async open(directory) {
      const level = await levelDb.open(directory)
      if (!directories.test(directory)) return level
      const { batch } = level
      level.batch = () => {
        const made = batch.call(level)
        const { write } = made
        made.write = () => (failing() ? Promise.reject(new Error('no space left on device')) : write.call(made))
        return made
      }
      return level
    },
  }
}
