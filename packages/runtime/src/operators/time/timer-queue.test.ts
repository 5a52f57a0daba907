import { type Serde, string, type TimerTime } from '@millrace/core'
import type { KeyPair } from '@millrace/core/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FiredTimers } from '../../task/fired-timers.ts'
import { MapState } from '../../task/testing/map-state.ts'
import { KeyText } from './key-text.ts'
import { TimerQueue, type TimerStore } from './timer-queue.ts'

/** Something that happens to timers; `fire` takes so many of those that are due at `now`, which never goes back. */
type Event =
  | { readonly kind: 'set'; readonly key: string; readonly at: number }
  | { readonly kind: 'cancel'; readonly key: string }
  | { readonly kind: 'fire'; readonly ahead: number; readonly count: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'look' }

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('set'), key: fc.constantFrom(...'abcde'), at: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel'), key: fc.constantFrom(...'abcde') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fire'), ahead: fc.nat(10), count: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look') }) },
)

/** Both parts of a key are text without zero bytes. */
const pairText: Serde<KeyPair<unknown, string>> = {
  ...(string() as unknown as Serde<KeyPair<unknown, string>>),
  encode: (key, out) => string().encode(key.join('\0'), out),
}

const order: Serde<TimerTime> = {
  ...(string() as unknown as Serde<TimerTime>),
  encode: ({ clock, at }, out) => string().encode(`${clock} ${String(at).padStart(20, '0')}`, out),
}

/** What a run of events comes to. */
interface Run {
  readonly fired: readonly string[]
  readonly expected: readonly string[]
  /** Which of those had fired before, by what was saved. */
  readonly again: readonly boolean[]
  readonly saved: FiredTimers | null
}

function runOf(
  events: readonly Event[],
  before: readonly FiredTimers[] = [],
  firesMax = Number.POSITIVE_INFINITY,
): Run {
  const state = new MapState([{ name: 'timers', shape: { kind: 'sorted', order: order as unknown as Serde<never> } }])
  const store = state.sortedStore('timers') as TimerStore
  const texts = new KeyText(pairText as unknown as Serde<unknown>)
  let queue = new TimerQueue('event', store, texts)
  queue.resume(null)
  const model = new Map<string, number>()
  const [fired, expected, again]: [string[], string[], boolean[]] = [[], [], []]
  let now = 0
  const toEnd = [...events, { kind: 'fire', ahead: 100, count: 10 } as const]
  for (const each of toEnd) {
    if (fired.length >= firesMax) break
    if (each.kind === 'set') {
      queue.set(store.find([each.key, 't']), each.at, 0)
      model.set(each.key, each.at)
    } else if (each.kind === 'cancel') {
      store.set(store.find([each.key, 't']), undefined)
      model.delete(each.key)
    } else if (each.kind === 'look') {
      expect(queue.first()?.at).toBe([...model.values()].sort((a, b) => a - b)[0])
    } else if (each.kind === 'restart') {
      const saved = queue.save()
      queue = new TimerQueue('event', store, texts)
      queue.resume(saved)
    } else {
      now += each.ahead
      for (let count = 0; count < each.count && fired.length < firesMax; count++) {
        const [first] = [...model].filter(([, at]) => at <= now).sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
        if (first === undefined) expect(queue.take(now)).toBeUndefined()
        else {
          expect(queue.nextAt).toBeLessThanOrEqual(now)
          const due = queue.take(now)
          if (due === undefined) throw new Error(`Timer ${first} is due, and was not found`)
          again.push(queue.fire(due, before))
          fired.push(`${due.entry.key[0]} ${due.at}`)
          expected.push(first.join(' '))
          model.delete(first[0])
        }
      }
    }
  }
  return { fired, expected, again, saved: queue.save() }
}

const RUNS = { numRuns: 1000 }

test('timers fire in the order of their times, then of their keys, each once, whatever is set, moved or cancelled meanwhile', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const { fired, expected } = runOf(events)
      expect(fired).toEqual(expected)
    }),
    RUNS,
  )
})

test('after a job was set back, exactly the timers that had fired are known to have fired', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.nat(20), (events, count) => {
      const before = runOf(events, [], count)
      if (before.saved === null) return
      const { again } = runOf(events, [before.saved])
      expect(again).toEqual(again.map((_, index) => index < before.fired.length))
    }),
    RUNS,
  )
})

test('what timers cause is numbered by times that never go back, from 0 at each', () => {
  const { saved } = runOf([
    { kind: 'set', key: 'a', at: 5 },
    { kind: 'fire', ahead: 6, count: 1 },
    { kind: 'set', key: 'b', at: 2 },
    { kind: 'fire', ahead: 0, count: 1 },
  ])
  expect(saved).toMatchObject({ at: 5, behind: 1, outputs: 0 })
})
