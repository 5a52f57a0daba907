import type { Clock, Timers } from '@millrace/core'
import { expect, test } from 'vitest'
import { StandbyTurns } from './standby-turns.ts'

/** A clock that a test turns by hand, and an event loop that turns when the test says so. */
function loop() {
  const turning: (() => void)[] = []
  const due: { atMs: number; callback: () => void }[] = []
  const clock: Clock & { nowMs: number } = { nowMs: 1000, now: () => 0, monotonic: () => clock.nowMs }
  const timers: Timers = {
    after: (delayMs, callback) => {
      const timer = { atMs: clock.nowMs + delayMs, callback }
      due.push(timer)
      return { cancel: () => due.splice(due.indexOf(timer), 1) }
    },
    turn: () => new Promise((resolve) => turning.push(resolve)),
  }
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    clock,
    timers,
    turn: async () => {
      await settle()
      for (const resolve of turning.splice(0)) resolve()
      await settle()
    },
    pass: async (ms: number) => {
      clock.nowMs += ms
      for (const { atMs, callback } of [...due]) if (atMs <= clock.nowMs) callback()
      await settle()
    },
  }
}

test('a standby works for 2 ms, and then waits for a turn of the event loop', async () => {
  const { clock, timers, turn } = loop()
  const pacing = new StandbyTurns(clock, timers).pacing()
  let begun = false
  void pacing.pause()?.then(() => {
    begun = true
  })
  await turn()
  expect(begun).toBe(true)
  expect(pacing.pause()).toBeUndefined()
  clock.nowMs += 1.9
  expect(pacing.pause()).toBeUndefined()
  clock.nowMs += 0.2
  expect(pacing.pause()).toBeDefined()
})

test('however many standbys there are, one of them works in each turn of the event loop, and each gets its turn', async () => {
  const { clock, timers, turn } = loop()
  const turns = new StandbyTurns(clock, timers)
  const worked = [0, 0, 0]
  const work = async (standby: number) => {
    const pacing = turns.pacing()
    for (;;) {
      await pacing.pause()
      worked[standby] = (worked[standby] ?? 0) + 1
      clock.nowMs += 3
    }
  }
  for (const standby of worked.keys()) void work(standby)
  for (let at = 1; at <= 9; at++) {
    await turn()
    expect(worked.reduce((sum, count) => sum + count, 0)).toBe(at)
  }
  expect(worked).toEqual([3, 3, 3])
})

test('a standby that has caught up rests for 200 ms, or until it is ended', async () => {
  const { clock, timers, pass } = loop()
  const pacing = new StandbyTurns(clock, timers).pacing()
  let rested = 0
  const rest = (signal?: AbortSignal) =>
    void pacing.rest(signal).then(() => {
      rested++
    })
  rest()
  await pass(199)
  expect(rested).toBe(0)
  await pass(1)
  expect(rested).toBe(1)
  const stop = new AbortController()
  rest(stop.signal)
  stop.abort()
  await pass(0)
  expect(rested).toBe(2)
})

test('a standby writes 1 MiB at once', () => {
  const { clock, timers } = loop()
  expect(new StandbyTurns(clock, timers).pacing().batchBytes).toBe(1024 ** 2)
})

test('standbys open one after the other, and one that is ended before its turn does not open', async () => {
  const { clock, timers } = loop()
  const turns = new StandbyTurns(clock, timers)
  const { signal } = new AbortController()
  const opened: string[] = []
  const opens = new Map<string, PromiseWithResolvers<void>>()
  const open = (name: string, ends = signal) =>
    turns.open(async () => {
      opened.push(name)
      const waits = Promise.withResolvers<void>()
      opens.set(name, waits)
      await waits.promise
      return name
    }, ends)
  const ended = AbortSignal.abort(new Error('ended'))
  const all = [open('a'), open('b', ended), open('c')]
  const results = Promise.allSettled(all)
  await new Promise<void>((resolve) => setImmediate(resolve))
  expect(opened).toEqual(['a'])
  opens.get('a')?.reject(new Error('damaged'))
  await new Promise<void>((resolve) => setImmediate(resolve))
  expect(opened).toEqual(['a', 'c'])
  opens.get('c')?.resolve()
  expect(await results).toMatchObject([
    { reason: { message: 'damaged' } },
    { reason: { message: 'ended' } },
    { value: 'c' },
  ])
})
