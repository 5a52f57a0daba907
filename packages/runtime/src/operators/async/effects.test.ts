import {
  type AsyncContext,
  deadLetter,
  type EffectOptions,
  int32,
  job,
  json,
  stream,
  string,
  topic,
} from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { describe, expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'
import { HandTimers } from './testing/hand-timers.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const letters = topic('letters', { key: string(), value: int32() })

interface Held {
  readonly value: number
  readonly context: AsyncContext
  readonly call: PromiseWithResolvers<unknown>
}

/** A job with effects that a test acknowledges. */
class Effects {
  readonly held: Held[] = []
  readonly hand = new HandTimers()
  readonly lists: JobInLists

  constructor(options?: EffectOptions) {
    const call = (value: number, _key: string, context: AsyncContext) => {
      const held = Promise.withResolvers<unknown>()
      this.held.push({ value, context, call: held })
      return held.promise
    }
    const effects = stream(numbers).effect('effects', call, options)
    this.lists = new JobInLists(job('j', effects).onError({ callback: deadLetter(letters) }), this.hand)
  }

  send(...records: readonly (readonly [string, number | null])[]): void {
    for (const [key, value] of records) this.lists.append(numbers, key, value, 0)
    this.lists.run()
  }

  async end(value: number, how: 'resolve' | 'reject' = 'resolve'): Promise<void> {
    const call = this.held.findLast((each) => each.value === value)?.call
    if (how === 'resolve') call?.resolve(undefined)
    else call?.reject(new Error('down'))
    await this.settle()
  }

  async settle(): Promise<void> {
    await nodeEnv().timers.turn()
    this.lists.run()
  }

  get called(): readonly number[] {
    return this.held.map(({ value }) => value)
  }
}

describe('effects', () => {
  test('of a key are made one after the other, and those of other keys meanwhile', async () => {
    const effects = new Effects()
    effects.send(['a', 1], ['a', 2], ['b', 3], ['a', 4])
    expect(effects.called).toEqual([1, 3])
    await effects.end(3)
    await effects.end(1)
    expect(effects.called).toEqual([1, 3, 2])
    await effects.end(2)
    expect(effects.called).toEqual([1, 3, 2, 4])
    effects.send(['b', 5])
    expect(effects.called).toEqual([1, 3, 2, 4, 5])
    expect(effects.lists.tasks[0]?.pipeline.hasCalls).toBe(true)
    await effects.end(4)
    await effects.end(5)
    expect(effects.lists.tasks[0]?.pipeline.hasCalls).toBe(false)
  })

  test('are not made for deletions', async () => {
    const effects = new Effects()
    effects.send(['a', null], ['a', 1])
    expect(effects.called).toEqual([1])
  })

  test('are tried again until they are acknowledged, and then those behind them begin', async () => {
    const effects = new Effects()
    effects.send(['a', 1], ['a', 2])
    for (const waitMs of [1000, 2000, 4000]) {
      await effects.end(1, 'reject')
      effects.hand.advance(waitMs)
      await effects.settle()
    }
    expect(effects.called).toEqual([1, 1, 1, 1])
    expect(new Set(effects.held.map(({ context }) => context.idempotencyKey)).size).toBe(1)
    await effects.end(1)
    expect(effects.called.slice(4)).toEqual([2])
  })

  test('that fail at last are dead letters with the reason, and do not stop those behind them', async () => {
    const effects = new Effects({ retry: { times: 0 } })
    effects.send(['a', 1], ['a', 2])
    await effects.end(1, 'reject')
    const [letter] = effects.lists.topic('letters').records
    const message = letter?.headers.find(([name]) => name === 'millrace.message')?.[1]
    expect([letter?.value?.readInt32BE(), String(message)]).toEqual([1, 'The call of effect "effects" failed: down'])
    expect(effects.called).toEqual([1, 2])
  })

  test('of records without keys are made at once', () => {
    const keyless = topic('keyless', { value: int32() })
    const called: number[] = []
    const call = (value: number) => {
      called.push(value)
      return new Promise(() => undefined)
    }
    const lists = new JobInLists(job('j', stream(keyless).effect('effects', call)), new HandTimers())
    for (const value of [1, 2]) lists.append(keyless, null, value, 0)
    lists.run()
    expect(called).toEqual([1, 2])
  })
})

describe('flatMapAsync', () => {
  const out = topic('out', { key: string(), value: int32() })
  const letter = topic('letter', { key: string(), value: json<number>() })

  async function run(fn: (value: number) => Promise<Iterable<number>>, values: readonly (number | null)[]) {
    const several = stream(numbers).flatMapAsync('several', fn, { value: int32() })
    const lists = new JobInLists(job('j', several.to(out)).onError({ callback: deadLetter(letter) }), new HandTimers())
    for (const value of values) lists.append(numbers, 'k', value, value ?? 0)
    lists.run()
    await nodeEnv().timers.turn()
    lists.run()
    return lists
  }

  test('passes on any number of values for each record, in order, and leaves deletions out', async () => {
    const lists = await run(
      async (value) => new Set(Array.from({ length: value }, (_, index) => index)),
      [2, 0, null, 3],
    )
    const records = lists.topic('out').records.map(({ value, timestamp }) => [value?.readInt32BE(), timestamp])
    expect(records).toEqual([
      [0, 2],
      [1, 2],
      [0, 3],
      [1, 3],
      [2, 3],
    ])
  })

  test('passes on nothing of a list with a value that is not one', async () => {
    const lists = await run(async () => [1, undefined as unknown as number], [1])
    expect(lists.topic('out').records).toEqual([])
    expect(lists.topic('letter').records).toHaveLength(1)
  })
})
