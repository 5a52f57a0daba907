import { readdirSync, rmSync, statSync } from 'node:fs'
import type { JobStatus, Log } from '@millrace/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { passLog } from './cut-log.ts'
import { isAtEnd, KEYS, restoredIn, StandbyWorld, statusOf, TASKS, tasksOf, totalsIn, warm } from './standby-world.ts'

let world: StandbyWorld

beforeEach(async () => {
  world = await StandbyWorld.open()
})

afterEach(() => world.close())

describe('standbys', () => {
  test('are kept in directories beside those of the tasks, and the copy of the last owner is opened again', async () => {
    const [first, second] = await world.pair()
    await first.stop()
    const { tasks } = await warm(second, 4, 0)
    await world.produce()
    await second.caughtUp()
    await second.stop()
    expect(tasks).toHaveLength(4)
    const notices: string[] = []
    const third = await world.start({ onNotice: (notice) => notices.push(notice) })
    const reopened = await warm(third, 4, 0)
    expect(notices).toEqual([])
    expect(restoredIn(reopened)).toBe(0)
    expect(await totalsIn(third)).toEqual(world.expected())
  })

  test('of tasks that a container has passed on begin with what it had of them', async () => {
    const [first] = await world.pair()
    const { standbys = [] } = await statusOf(first, (status) => (status.standbys ?? []).every(isAtEnd))
    expect(standbys).toHaveLength(2)
    for (const { records } of standbys) expect(records).toBeLessThan(KEYS)
    expect(copyNames()).toEqual(TASKS.flatMap((task) => [task, `${task}.2`]))
  })

  test('of tasks that were taken over begin with what the former owner has left', async () => {
    const [first, second] = await world.pair()
    const third = await world.start()
    await Promise.all([first, second, third].map((each) => statusOf(each, isSettledOfThree)))
    const lost = tasksOf(await statusOf(first, () => true))
    await first.stop()
    const standbysNow = async () => {
      const statuses = await Promise.all([second, third].map((each) => warm(each, 2, 2)))
      return statuses.flatMap(({ standbys = [] }) => standbys)
    }
    // While they move, a task may have two.
    await expect.poll(async () => (await standbysNow()).map(({ task }) => task).sort()).toEqual(TASKS)
    for (const { task, records } of await standbysNow()) if (lost.includes(task)) expect(records).toBeLessThan(KEYS)
  })

  test('of tasks whose containers have other disks take over there, too', async () => {
    let disks = 0
    const wrap = (log: Log): Log => ({ ...passLog(log), capabilities: { ...log.capabilities, local: false } })
    const alone = () => world.start({ wrap, stateDirectory: `${world.jobs.directory}/disk-${++disks}` })
    await world.produce()
    const first = await alone()
    await first.caughtUp()
    const second = await alone()
    const own = tasksOf(await warm(second, 2, 2))
    await first.stop()
    rmSync(`${world.jobs.directory}/disk-1`, { recursive: true })
    expect(restoredIn(await warm(second, 4, 0), (task) => !own.includes(task))).toBeLessThan(KEYS)
    // Each standby is in the directory of its task, as no other container uses it.
    expect(readdirSync(`${world.jobs.directory}/disk-2/warm`).sort()).toEqual(TASKS)
    expect(await totalsIn(second)).toEqual(world.expected())
  })

  test('that are with a container no longer leave nothing on its disk', async () => {
    await world.pair()
    expect(emptyCopies()).toEqual([])
    // One of four standbys moves to the third container, and is given up where it was once it is ready there.
    const third = await world.start()
    const isWarm = ({ tasks, standbys = [] }: JobStatus) =>
      tasks.length === 1 && standbys.length > 0 && standbys.every(({ phase }) => phase === 'ready')
    await statusOf(third, isWarm)
    await expect.poll(emptyCopies, { timeout: 10_000 }).toHaveLength(1)
  })

  test('of a state that was rebuilt are rebuilt', async () => {
    const [first, second] = await world.pair()
    await first.stop()
    await warm(second, 4, 0)
    await second.stop()
    // The copies of before belong to another changelog now.
    await world.jobs.log.admin.deleteTopic('warm.changelog')
    await world.jobs.log.admin.deleteTopic('warm.catalog')
    const [third, fourth] = await world.pair()
    await Promise.all([third.caughtUp(), fourth.caughtUp()])
    await third.stop()
    await warm(fourth, 4, 0)
    expect(await totalsIn(fourth)).toEqual(world.expected())
  })

  test('are not kept unless a container wants them', async () => {
    await world.produce()
    const first = await world.start({ standbys: 0 })
    await first.caughtUp()
    const second = await world.start({ standbys: 0 })
    await warm(first, 2, 0)
    await warm(second, 2, 0)
    expect(readdirSync(`${world.jobs.stateDirectory}/warm`).sort()).toEqual(TASKS)
  })
})

/** Whether a container has its share of four tasks over three containers, and its standbys. */
const isSettledOfThree = ({ tasks, standbys = [] }: JobStatus) =>
  tasks.length > 0 && tasks.length <= 2 && standbys.length > 0 && standbys.length <= 2 && standbys.every(isAtEnd)

/** The directories of all copies of states. */
const copyNames = () =>
  readdirSync(`${world.jobs.stateDirectory}/warm`)
    .filter((name) => !name.endsWith('.owner'))
    .sort()

/** The copies of tasks' states that have no entries. */
function emptyCopies(): string[] {
  const directory = `${world.jobs.stateDirectory}/warm`
  return copyNames().filter((name) => {
    const files = readdirSync(`${directory}/${name}`).filter((file) => /\.(log|ldb)$/.test(file))
    return files.reduce((sum, file) => sum + statSync(`${directory}/${name}/${file}`).size, 0) < KEYS * 10
  })
}
