import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import type { JobStatus, Log, StandbyStatus } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type LevelEngine, levelDb } from '@millrace/state'
import { firstValueFrom, skip } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { passLog } from './cut-log.ts'
import {
  isAtEnd,
  KEYS,
  numbers,
  restoredIn,
  StandbyWorld,
  statusOf,
  TASKS,
  tasksOf,
  totalsIn,
  warm,
  warmJob,
} from './standby-world.ts'

let world: StandbyWorld

beforeEach(async () => {
  world = await StandbyWorld.open()
})

afterEach(() => world.close())

describe('standbys', () => {
  test('take over what a container had when it ends, and read only what was committed since they last looked', async () => {
    const [first, second] = await world.pair()
    await world.produce()
    await Promise.all([first.caughtUp(), second.caughtUp()])
    const before = await warm(second, 2, 2)
    const own = tasksOf(before)
    // Nothing but the standby has what the first container computed.
    await first.stop()
    for (const task of TASKS) if (!own.includes(task)) rmSync(ownersDirectory(task), { recursive: true })
    const after = await warm(second, 4, 0)
    // A round is one commit of each key: a restore from the start would read each key once or twice.
    expect(restoredIn(after, (task) => !own.includes(task))).toBeLessThan(2 * KEYS)
    await world.produce()
    await second.caughtUp()
    expect(await totalsIn(second)).toEqual(world.expected())
  })

  test('that have caught up leave nothing to be restored', async () => {
    const [first, second] = await world.pair()
    const own = tasksOf(await warm(second, 2, 2))
    await statusOf(second, ({ standbys = [] }) => standbys.every(isAtEnd))
    await first.stop()
    const after = await warm(second, 4, 0)
    expect(restoredIn(after, (task) => !own.includes(task))).toBe(0)
    expect(await totalsIn(second)).toEqual(world.expected())
  })

  test('report how far they are', async () => {
    const [first, second] = await world.pair()
    await world.produce()
    await Promise.all([first.caughtUp(), second.caughtUp()])
    const others = tasksOf(await warm(second, 2, 2))
    // They can be read as the parts of the view that they are.
    const copies = () => first.views[0]?.standbys ?? []
    const ends = copies().map(({ partition }) => ({ numbers: { [partition]: world.rounds * KEYS } }))
    expect(copies().map(({ partition }) => `numbers-${partition}`)).toEqual(others)
    await expect.poll(() => copies().map(({ position }) => position), { timeout: 10_000 }).toEqual(ends)
    for (const { partition, store } of copies()) expect(await store.get(`k${partition}`)).toBe(world.rounds)
    const { standbys = [] } = await statusOf(first, ({ standbys: found = [] }) => found.every(isAtEnd))
    for (const standby of standbys) {
      expect(standby).toMatchObject({ phase: 'ready', problem: null, partition: Number(standby.task.split('-')[1]) })
      expect(standby.offset).toBeGreaterThan(KEYS)
      expect(standby.offset).toBe(standby.endOffset)
    }
  })

  test('hold no record that is not committed', async () => {
    const [first, second] = await world.pair()
    const { standbys = [] } = await statusOf(second, (status) => (status.standbys ?? []).every(isAtEnd))
    const [undecided, abort] = await appendUndecided(standbys.map(({ partition }) => partition))
    // Each report comes after a look at the changelog.
    const later = await firstValueFrom(second.status.pipe(skip(4)))
    expect(later.standbys).toEqual(standbys)
    await abort()
    await first.stop()
    await warm(second, 4, 0)
    expect((await totalsIn(second)).get(undecided)).toBe(world.rounds)
    expect(await totalsIn(second)).toEqual(world.expected())
  })

  test('that cannot be written begin again later, and stop nothing', async () => {
    const notices: string[] = []
    await world.produce()
    const first = await world.start()
    await first.caughtUp()
    let failing = true
    const engine = failingIn(/\.\d$/, () => failing)
    const second = await world.start({ engine, onNotice: (notice) => notices.push(notice) })
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
    await world.produce()
    await second.caughtUp()
    expect(await totalsIn(second)).toEqual(world.expected())
  })

  test('that are still being opened do not delay the end of their container for the others', async () => {
    await world.produce()
    const first = await world.start()
    await first.caughtUp()
    const opening = Promise.withResolvers<void>()
    const checked = Promise.withResolvers<undefined>()
    // The check of a large state takes long.
    const check: LevelEngine['check'] = async (env, directory) => {
      if (!/\.\d$/.test(directory)) return levelDb.check(env, directory)
      opening.resolve()
      return checked.promise
    }
    await warm(first, 4, 0)
    for (const task of TASKS) cpSync(ownersDirectory(task), `${ownersDirectory(task)}.2`, { recursive: true })
    const second = await world.start({ engine: { ...levelDb, check } })
    await opening.promise
    const ended = second.stop()
    await expect.poll(() => membersOf(world)).toHaveLength(1)
    checked.resolve(undefined)
    await ended
  })

  test('that failed are tried again after ten seconds', async () => {
    await world.produce()
    const first = await world.start()
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
    const second = await world.start({ env: { ...env, timers }, engine: failingIn(/\.\d$/, () => failing) })
    await warm(second, 2, 2)
    expect(waits).toBeGreaterThan(0)
  })

  test('whose report fails are reported again', async () => {
    await world.produce()
    const first = await world.start()
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
    const second = await world.start({ wrap })
    await warm(second, 2, 2)
    expect(failures).toBeGreaterThan(1)
    // A failure that concerns standbys only has stopped nothing.
    await world.produce()
    await Promise.all([first.caughtUp(), second.caughtUp()])
  })

  test('of which there are two for each task take over from two containers that end at once', async () => {
    await world.produce()
    const containers = [
      await world.start({ standbys: 2 }),
      await world.start({ standbys: 2 }),
      await world.start({ standbys: 2 }),
    ]
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
    expect(await totalsIn(third)).toEqual(world.expected())
  })
})

test.each([-1, 0.5, 5, Number.NaN])('a job with %s standbys of each task is refused', async (standbys) => {
  await expect(world.jobs.start(warmJob, { standbys })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    place: { job: 'warm' },
  })
})

test('standbys are refused on a log where only one process runs a job', async () => {
  const log: Log = { ...passLog(world.jobs.log), capabilities: { ...world.jobs.log.capabilities, membership: false } }
  await expect(world.jobs.start(warmJob, { log, standbys: 1 })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('only one process'),
  })
})

/** The members of the job's group, by name. */
const membersOf = ({ jobs }: StandbyWorld) => readdirSync(`${jobs.directory}/jobs/warm/members`)

/** The directory of the copy that the owner of a task had open. */
function ownersDirectory(task: string): string {
  const hint = `${world.jobs.stateDirectory}/warm/${task}.owner`
  const copy = existsSync(hint) ? readFileSync(hint, 'utf8') : '1'
  return `${world.jobs.stateDirectory}/warm/${task}${copy === '1' ? '' : `.${copy}`}`
}

/** Appends a record for a key to each of these partitions of the changelog, in a transaction that is open. */
async function appendUndecided(partitions: readonly number[]): Promise<[key: string, abort: () => Promise<void>]> {
  const log = await openFileLog({ directory: world.jobs.directory, env: nodeEnv(), durability: 'os' })
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
