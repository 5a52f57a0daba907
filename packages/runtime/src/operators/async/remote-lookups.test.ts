import { int32, job, json, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'
import { RemoteAnswers } from './remote-answers.ts'
import { HandTimers } from './testing/hand-timers.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: json<string>() })

/** A job that looks up the remainder of each number by 10, with lookups that a test answers. */
class Lookups {
  readonly lookups: { readonly id: number; readonly call: PromiseWithResolvers<string | null> }[] = []
  readonly hand = new HandTimers()
  readonly lists: JobInLists

  constructor() {
    const joined = stream(numbers).joinRemote('names', {
      by: (value) => {
        if (value === 99) throw new Error('it has no id')
        return value % 10
      },
      lookup: (id) => {
        const call = Promise.withResolvers<string | null>()
        this.lookups.push({ id, call })
        return call.promise
      },
      join: (value, found) => {
        if (value === 88) throw new Error('it cannot be joined')
        return `${value} ${found}`
      },
      cache: { ttl: 1000 },
      value: json<string>(),
    })
    this.lists = new JobInLists(job('j', joined.to(out)).onError({ callback: 'skip' }), this.hand)
  }

  async send(...values: readonly number[]): Promise<void> {
    for (const value of values) this.lists.append(numbers, 'k', value, value)
    await this.settle()
  }

  /** Answers the last lookup of an id. */
  async answer(id: number, found: string | null | Error): Promise<void> {
    const call = this.lookups.findLast((each) => each.id === id)?.call
    if (found instanceof Error) call?.reject(found)
    else call?.resolve(found)
    await this.settle()
  }

  async settle(): Promise<void> {
    this.lists.run()
    await nodeEnv().timers.turn()
    this.lists.run()
  }

  get ids(): readonly number[] {
    return this.lookups.map(({ id }) => id)
  }

  get results(): readonly unknown[] {
    return this.lists.topic('out').records.map(({ value }) => JSON.parse(String(value)))
  }
}

test('records with the same id share one lookup, and others are looked up meanwhile', async () => {
  const lookups = new Lookups()
  await lookups.send(1, 11, 2, 21)
  expect(lookups.ids).toEqual([1, 2])
  await lookups.answer(2, 'two')
  expect(lookups.results).toEqual([])
  await lookups.answer(1, 'one')
  expect(lookups.results).toEqual(['1 one', '11 one', '2 two', '21 one'])
  expect(lookups.ids).toEqual([1, 2])
})

test('an answer is used until it is too old, also that there is nothing', async () => {
  const lookups = new Lookups()
  await lookups.send(1)
  await lookups.answer(1, null)
  lookups.hand.advance(999)
  await lookups.send(11)
  expect(lookups.results).toEqual(['1 null', '11 null'])
  lookups.hand.advance(1)
  await lookups.send(21)
  expect(lookups.ids).toEqual([1, 1])
  await lookups.answer(1, 'one')
  expect(lookups.results).toEqual(['1 null', '11 null', '21 one'])
})

test('a lookup that fails fails its record, and the next record makes another one', async () => {
  const lookups = new Lookups()
  await lookups.send(1, 11)
  await lookups.answer(1, new Error('down'))
  expect(lookups.ids).toEqual([1, 1])
  await lookups.answer(1, 'one')
  expect(lookups.results).toEqual(['11 one'])
  expect(lookups.lists.tasks[0]?.counts.failed).toBe(1)
})

test('a record whose id or whose joined value cannot be made fails alone', async () => {
  const lookups = new Lookups()
  await lookups.send(99, 8, 88, 18)
  await lookups.answer(8, 'eight')
  expect(lookups.results).toEqual(['8 eight', '18 eight'])
  expect(lookups.lists.tasks[0]?.counts.failed).toBe(2)
})

test('the answers that were used longest ago make room for others', () => {
  const answers = new RemoteAnswers(2, 100)
  answers.add('a', 1, 0)
  answers.add('b', 2, 0)
  expect(answers.find('a', 1)?.found).toBe(1)
  answers.add('c', 3, 0)
  expect(['a', 'b', 'c'].map((id) => answers.find(id, 1)?.found)).toEqual([1, undefined, 3])
  expect(answers.find('c', 100)).toBeUndefined()
})
