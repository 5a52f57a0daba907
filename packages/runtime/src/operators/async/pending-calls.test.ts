import {
  type AsyncContext,
  deadLetter,
  int32,
  job,
  json,
  type MapAsyncOptions,
  stream,
  string,
  topic,
} from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { describe, expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'
import { HandTimers } from './testing/hand-timers.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: int32() })
const letters = topic('letters', { key: string(), value: int32() })

/** A call that a test ends. */
interface Held {
  readonly value: number
  readonly context: AsyncContext
  readonly call: PromiseWithResolvers<number>
}

/** A job with calls that a test ends one by one. */
class Calls {
  readonly held: Held[] = []
  readonly hand = new HandTimers()
  readonly lists: JobInLists

  constructor(options: MapAsyncOptions<number> = {}) {
    const call = (value: number, _key: string, context: AsyncContext) => {
      const held = Promise.withResolvers<number>()
      this.held.push({ value, context, call: held })
      return held.promise
    }
    const results = stream(numbers).mapAsync('calls', call, { value: int32(), ...options })
    this.lists = new JobInLists(job('j', results.to(out)).onError({ callback: deadLetter(letters) }), this.hand)
  }

  /** Sends numbers, each with itself as its time. */
  send(...values: readonly (number | null)[]): void {
    for (const value of values) this.lists.append(numbers, 'k', value, value ?? 0)
    this.lists.run()
  }

  /** Ends the first call that is not ended for a value. */
  async end(value: number, how: 'resolve' | 'reject' = 'resolve'): Promise<void> {
    const call = this.held.findLast((each) => each.value === value)?.call
    if (how === 'resolve') call?.resolve(value * 10)
    else call?.reject(new Error(`no ${value}`))
    await this.settle()
  }

  /** Lets what waits for the clock happen, and what this causes. */
  async pass(ms: number): Promise<void> {
    this.hand.advance(ms)
    await this.settle()
  }

  async settle(): Promise<void> {
    await nodeEnv().timers.turn()
    this.lists.run()
  }

  get called(): readonly number[] {
    return this.held.map(({ value }) => value)
  }

  get results(): readonly (number | null)[] {
    return this.lists.topic('out').records.map(({ value }) => value?.readInt32BE() ?? null)
  }

  /** The values of the dead letters, each with the code and the message of its error. */
  get failed(): readonly (readonly [number | undefined, string])[] {
    return this.lists.topic('letters').records.map(({ value, headers }) => {
      const header = (name: string) => String(headers.find(([other]) => other === name)?.[1])
      return [value?.readInt32BE(), `${header('millrace.error')}: ${header('millrace.message')}`]
    })
  }

  get offset(): number | undefined {
    return this.lists.tasks[0]?.pipeline.inputs[0]?.offset
  }
}

describe('calls', () => {
  test('are so many at most, and four times as many records are taken before one is done', async () => {
    const calls = new Calls({ concurrency: 2 })
    calls.send(...Array.from({ length: 20 }, (_, value) => value))
    expect(calls.called).toEqual([0, 1])
    expect(calls.offset).toBe(8)
    expect(calls.lists.tasks[0]?.pipeline.full).toBe(true)
    await calls.end(1)
    expect(calls.called).toEqual([0, 1, 2])
    expect(calls.offset).toBe(8)
    await calls.end(0)
    expect(calls.called).toEqual([0, 1, 2, 3])
    expect(calls.offset).toBe(10)
  })

  test('pass on their results in the order of the records, with their times; deletions keep their place', async () => {
    const calls = new Calls()
    calls.send(1, null, 2, 3)
    await calls.end(3)
    await calls.end(2)
    expect(calls.results).toEqual([])
    await calls.end(1)
    expect(calls.results).toEqual([10, null, 20, 30])
    expect(calls.lists.topic('out').records.map(({ timestamp }) => timestamp)).toEqual([1, 0, 2, 3])
  })

  test('pass on their results at once in any order', async () => {
    const calls = new Calls({ order: 'any' })
    calls.send(1, 2, 3)
    await calls.end(3)
    await calls.end(1)
    expect(calls.results).toEqual([30, 10])
  })

  test('wake the task when they are done, and leave no timer behind', async () => {
    const calls = new Calls()
    calls.send(1)
    const { woken, set } = calls.hand
    expect([woken, set]).toEqual([0, 1])
    await calls.end(1)
    expect([calls.hand.woken, calls.hand.set]).toEqual([1, 0])
  })

  test('are not made for a record that is undone, and made for the next one', async () => {
    const called: number[] = []
    const call = async (value: number) => {
      called.push(value)
      return value
    }
    const checked = stream(numbers).mapValues((value) => {
      if (value % 2 === 1) throw new Error('odd')
      return value
    }, int32())
    const theJob = job('j', stream(numbers).mapAsync('calls', call, { value: int32() }).to(out), checked.to(letters))
    const lists = new JobInLists(theJob.onError({ callback: 'skip' }), new HandTimers())
    for (const value of [1, 2, 3, 5, 4]) lists.append(numbers, 'k', value, value)
    lists.run()
    await nodeEnv().timers.turn()
    lists.run()
    expect(called).toEqual([2, 4])
    expect(lists.topic('out').records.map(({ value }) => value?.readInt32BE())).toEqual([2, 4])
  })

  test('hold back the position, which follows them while others begin', async () => {
    const calls = new Calls()
    const position = () => calls.lists.tasks[0]?.pipeline.position['numbers']?.[0] ?? 0
    calls.send(1)
    expect(position()).toBe(0)
    calls.send(2)
    await calls.end(1)
    expect(position()).toBe(1)
    calls.send(3)
    await calls.end(2)
    await calls.end(3)
    expect(position()).toBe(3)
  })

  test('begin once their records are durable', async () => {
    const calls = new Calls()
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    calls.hand.securing = first.promise
    calls.send(1)
    calls.send(2)
    expect(calls.called).toEqual([])
    calls.hand.securing = second.promise
    first.resolve()
    await calls.settle()
    expect(calls.called).toEqual([1])
    calls.hand.securing = undefined
    second.resolve()
    await calls.settle()
    expect(calls.called).toEqual([1, 2])
    calls.send(3)
    expect(calls.called).toEqual([1, 2, 3])
  })

  test('are not made if their records cannot be made durable: that stops the task', async () => {
    const calls = new Calls()
    const securing = Promise.withResolvers<void>()
    calls.hand.securing = securing.promise
    calls.send(1)
    securing.reject(new Error('the sync failed'))
    await expect(calls.settle()).rejects.toThrow('the sync failed')
    expect(calls.called).toEqual([])
  })

  test('that are under way when the task is closed are aborted, and are not tried again', async () => {
    const calls = new Calls({ retry: { times: 5, backoff: 10 } })
    calls.send(1, 2)
    await calls.end(1, 'reject')
    calls.lists.tasks[0]?.pipeline.stop()
    expect(calls.held.map(({ context }) => context.signal.aborted)).toEqual([true, true])
    expect(calls.hand.set).toBe(0)
    calls.hand.advance(1000)
    expect(calls.called).toEqual([1, 2])
  })
})

describe('a limited rate', () => {
  test('counts each try, and calls wait for their turn in their order', async () => {
    const calls = new Calls({ rate: { calls: 2, per: 1000 }, retry: { times: 1, backoff: 0 } })
    calls.send(1, 2, 3, 4)
    expect(calls.called).toEqual([1, 2])
    await calls.end(1, 'reject')
    await calls.pass(999)
    expect(calls.called).toEqual([1, 2])
    await calls.pass(1)
    expect(calls.called).toEqual([1, 2, 3, 4])
    await calls.pass(1000)
    expect(calls.called).toEqual([1, 2, 3, 4, 1])
  })
})

describe('a call that fails', () => {
  test('is a dead letter with the record and the reason, and the next ones go on', async () => {
    const calls = new Calls()
    calls.send(1, 2)
    await calls.end(1, 'reject')
    await calls.end(2)
    expect(calls.failed).toEqual([[1, 'CALLBACK_FAILED: The call of mapAsync "calls" failed: no 1']])
    expect(calls.results).toEqual([20])
  })

  test('is tried again, after waits that double up to the longest one', async () => {
    const calls = new Calls({ retry: { times: 4, backoff: 100, backoffMax: 300 } })
    calls.send(1)
    // The random part of a wait is whole here.
    for (const waitMs of [100, 200, 300, 300]) {
      const before = calls.held.length
      await calls.end(1, 'reject')
      await calls.pass(waitMs - 1)
      expect(calls.held).toHaveLength(before)
      await calls.pass(1)
      expect(calls.held).toHaveLength(before + 1)
    }
    expect(calls.held.map(({ context }) => context.attempt)).toEqual([1, 2, 3, 4, 5])
    expect(new Set(calls.held.map(({ context }) => context.idempotencyKey))).toEqual(new Set(['j/calls/numbers/0/0/0']))
    await calls.end(1, 'reject')
    expect(calls.failed).toEqual([
      [1, 'CALLBACK_FAILED: The call of mapAsync "calls" failed: no 1. It was the last of 5 tries'],
    ])
  })

  test('is not tried again once its budget is over', async () => {
    const calls = new Calls({ retry: { times: 100, backoff: 100, backoffMax: 100, budget: 250 } })
    calls.send(1)
    for (let tries = 1; tries < 3; tries++) {
      await calls.end(1, 'reject')
      await calls.pass(100)
      expect(calls.held).toHaveLength(tries + 1)
    }
    await calls.end(1, 'reject')
    expect(calls.failed).toHaveLength(1)
  })

  test('keeps its place: the results behind it wait for its tries', async () => {
    const calls = new Calls({ retry: { times: 1, backoff: 100 } })
    calls.send(1, 2)
    await calls.end(2)
    await calls.end(1, 'reject')
    expect(calls.results).toEqual([])
    await calls.pass(100)
    await calls.end(1)
    expect(calls.results).toEqual([10, 20])
  })

  test('because it takes too long is aborted, and what it gives later has no effect', async () => {
    const calls = new Calls({ timeout: 500, retry: { times: 1, backoff: 100 } })
    calls.send(1)
    await calls.pass(499)
    expect(calls.held[0]?.context.signal.aborted).toBe(false)
    await calls.pass(1)
    expect(calls.held[0]?.context.signal.aborted).toBe(true)
    calls.held[0]?.call.resolve(7)
    await calls.pass(100)
    expect(calls.results).toEqual([])
    await calls.pass(500)
    expect(calls.failed).toEqual([
      [
        1,
        'CALL_TIMED_OUT: The call of mapAsync "calls" did not end within 500ms, its timeout. It was the last of 2 tries',
      ],
    ])
  })

  test('because it gives nothing, or throws at once, fails its record', async () => {
    const call = (value: number): Promise<number> => {
      if (value === 1) throw new Error('at once')
      return Promise.resolve(undefined as unknown as number)
    }
    const results = stream(numbers).mapAsync('calls', call, { value: int32(), retry: { times: 3, backoff: 0 } })
    const hand = new HandTimers()
    const lists = new JobInLists(job('j', results.to(out)).onError({ callback: 'skip' }), hand)
    lists.append(numbers, 'k', 1, 1)
    lists.append(numbers, 'k', 2, 2)
    for (let turn = 0; turn < 10; turn++) {
      lists.run()
      await nodeEnv().timers.turn()
      hand.advance(0)
    }
    expect(lists.tasks[0]?.counts.failed).toBe(2)
  })
})

describe('the key that a callee gets', () => {
  test('is another one for each record that a record has caused', async () => {
    const keys: string[] = []
    const call = async (value: number, _key: string, { idempotencyKey }: AsyncContext) => {
      keys.push(idempotencyKey)
      return value
    }
    const several = stream(numbers).flatMapValues((value) => [value, value], int32())
    const twice = several.mapAsync('first', call, { value: int32() }).mapAsync('second', call, { value: int32() })
    const lists = new JobInLists(job('j', twice.to(out)).withVersion(2), new HandTimers())
    lists.append(numbers, 'k', 1, 1)
    lists.append(numbers, 'k', 2, 2)
    for (let turn = 0; turn < 5; turn++) {
      lists.run()
      await nodeEnv().timers.turn()
    }
    expect(keys.slice(0, 4)).toEqual([
      'j/first/numbers/0/0/0',
      'j/first/numbers/0/0/1',
      'j/first/numbers/0/1/0',
      'j/first/numbers/0/1/1',
    ])
    expect(new Set(keys).size).toBe(8)
    expect(keys[4]).toBe('j/second/numbers/0/0/0/0')
  })

  test('is that of the record which was sent, behind a repartition topic', async () => {
    const keys: string[] = []
    const call = async (value: number, _key: string, { idempotencyKey }: AsyncContext) => {
      keys.push(idempotencyKey)
      return value
    }
    const sent = stream(numbers).repartition('sent').mapAsync('calls', call, { value: int32() })
    const lists = new JobInLists(job('j', sent.to(out)), new HandTimers())
    for (const value of [1, 2]) lists.append(numbers, 'k', value, value)
    lists.run()
    await nodeEnv().timers.turn()
    expect(keys.map((key) => key.replace(/\d{6,}/, 'numbers'))).toEqual([
      'j/calls/numbers/0/0.0/0',
      'j/calls/numbers/0/1.0/0',
    ])
  })
})

test('a callback that changes its value in place changes no other try, and no dead letter', async () => {
  const lists = topic('lists', { key: string(), value: json<number[]>() })
  const seen: number[][] = []
  const call = async (value: number[]): Promise<number[]> => {
    seen.push([...value])
    value.push(9)
    throw new Error('no')
  }
  const failing = stream(lists).mapAsync('calls', call, { retry: { times: 1, backoff: 0 } })
  const hand = new HandTimers()
  const letter = topic('letter', { key: string(), value: json<number[]>() })
  const theJob = job('j', failing.to(topic('lengths', { key: string(), value: json<number[]>() })))
  const run = new JobInLists(theJob.onError({ callback: deadLetter(letter) }), hand)
  run.append(lists, 'k', [1], 1)
  for (let turn = 0; turn < 6; turn++) {
    run.run()
    await nodeEnv().timers.turn()
    hand.advance(0)
  }
  expect(seen).toEqual([[1], [1]])
  expect(run.topic('letter').records.map(({ value }) => String(value))).toEqual(['[1]'])
})
