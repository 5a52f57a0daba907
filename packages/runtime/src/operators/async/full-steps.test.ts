import { int32, job, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { describe, expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'
import { HandTimers } from './testing/hand-timers.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: int32() })

describe('a step that may take no more', () => {
  /** How many records wait in a step. */
  const waitingIn = (lists: JobInLists, at: number) => {
    const { begun = 0, doneBefore = 0 } = lists.tasks[0]?.pipeline.callProgress[at] ?? {}
    return begun - doneBefore
  }

  test('holds up the windows before it, and gets their results as it makes room', async () => {
    const held: PromiseWithResolvers<number>[] = []
    const call = () => {
      const next = Promise.withResolvers<number>()
      held.push(next)
      return next.promise
    }
    const counts = stream(numbers).groupByKey().window(tumbling(10)).count('counts', { emit: 'final' })
    const called = counts.changes().mapAsync('calls', call, { concurrency: 1, value: int32() })
    const windowOut = topic('windows', { key: windowed(string()), value: int32() })
    const lists = new JobInLists(job('j', called.to(windowOut)), new HandTimers())
    for (let key = 0; key < 100; key++) lists.append(numbers, `k${key}`, 1, 5)
    lists.append(numbers, 'k', 1, 20)
    lists.run()
    for (let ended = 0; ended < 100; ended++) {
      expect(waitingIn(lists, 0)).toBeLessThanOrEqual(4)
      held[ended]?.resolve(ended)
      await nodeEnv().timers.turn()
      lists.run()
    }
    expect(lists.topic('windows').records).toHaveLength(100)
  })

  test('holds up the calls before it', async () => {
    const held: PromiseWithResolvers<number>[] = []
    const call = () => {
      const next = Promise.withResolvers<number>()
      held.push(next)
      return next.promise
    }
    const first = stream(numbers).mapAsync('first', async (value) => value, { concurrency: 8, value: int32() })
    const second = first.mapAsync('second', call, { concurrency: 1, value: int32() })
    const lists = new JobInLists(job('j', second.to(out)), new HandTimers())
    for (let value = 0; value < 60; value++) lists.append(numbers, 'k', value, value)
    for (let ended = 0; ended < 60; ended++) {
      for (let turn = 0; turn < 3; turn++) {
        lists.run()
        await nodeEnv().timers.turn()
      }
      expect(waitingIn(lists, 0)).toBeLessThanOrEqual(32)
      expect(waitingIn(lists, 1)).toBeLessThanOrEqual(4)
      held[ended]?.resolve(ended)
      await nodeEnv().timers.turn()
    }
    lists.run()
    expect(lists.topic('out').records.map(({ value }) => value?.readInt32BE())).toEqual(held.map((_, value) => value))
    expect(held).toHaveLength(60)
  })
})
