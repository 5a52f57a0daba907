import { job, json, stream, string, topic, tumbling } from '@millrace/core'
import { type LevelEngine, levelDb } from '@millrace/state'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const sums = stream(numbers)
  .groupByKey()
  .reduce('sums', (a, b) => a + b)
const theJob = job('summing', sums)

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.produce('numbers', numbers.value, [{ key: 'k', value: 1, timestamp: 1 }])
})

afterEach(() => world.close())

/** LevelDB whose writes fail when `failing` returns true. The first writes in a directory create the store. */
function failingEngine(failing: (write: number) => boolean): LevelEngine {
  let writes = 0
  return {
    check: (env, directory) => levelDb.check(env, directory),
    async open(directory) {
      const level = await levelDb.open(directory)
      const { batch } = level
      level.batch = () => {
        const made = batch.call(level)
        const { write } = made
        made.write = () => (failing(writes++) ? Promise.reject(new Error('the disk is worn out')) : write.call(made))
        return made
      }
      return level
    },
  }
}

test('a store that fails again and again stops the job with the reason, and is not retried for ever', async () => {
  const notices: string[] = []
  let failed = 0
  const engine = failingEngine((write) => write > 0 && ++failed > 0)
  const running = world.runToEnd(theJob, { engine, onNotice: (notice) => notices.push(notice) })
  await expect(running).rejects.toMatchObject({
    code: 'STATE_REBUILD_FAILED',
    message: expect.stringContaining('the disk is worn out'),
  })
  expect(failed).toBeLessThan(20)
  // Each earlier try was reported.
  expect(notices.filter((notice) => notice.includes('the disk is worn out')).length).toBeGreaterThan(0)
})

test('a store that fails once is opened again, and the result is exact', async () => {
  const notices: string[] = []
  const engine = failingEngine((write) => write === 1)
  await world.runToEnd(theJob, { engine, onNotice: (notice) => notices.push(notice) })
  expect(notices.join('\n')).toContain('the disk is worn out')
  expect(await world.rows(theJob, 'sums')).toEqual(new Map([['k', 1]]))
})

test('a store whose index fails once while a commit is frozen is opened again, and the result is exact', async () => {
  const windows = job('windows', stream(numbers).groupByKey().window(tumbling('1h')).count('counts'))
  const produce = (keys: readonly string[]) =>
    world.produce(
      'numbers',
      numbers.value,
      // Two of such keys fill a page of the index: the third begins the page that the fourth is added to.
      keys.map((key) => ({ key: key.repeat(2100), value: 1, timestamp: 1 })),
    )
  await produce(['a', 'b', 'c'])
  await world.runToEnd(windows)
  await produce(['d'])
  let failed = 0
  const engine: LevelEngine = {
    check: (env, directory) => levelDb.check(env, directory),
    async open(directory) {
      const level = await levelDb.open(directory)
      const read = level.getSync.bind(level)
      level.getSync = (key) => {
        if (key[0] === 1 && failed++ === 0) throw new Error('the disk is worn out')
        return read(key)
      }
      return level
    },
  }
  const notices: string[] = []
  await world.runToEnd(windows, { engine, onNotice: (notice) => notices.push(notice) })
  expect(failed).toBeGreaterThan(0)
  expect(notices.join('\n')).toContain('the disk is worn out')
  expect([...(await world.rows(windows, 'counts')).values()]).toEqual([1, 1, 1, 1, 1])
})
