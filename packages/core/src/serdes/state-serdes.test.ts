import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { makeSortable } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { json } from './json.ts'
import { keyPair } from './key-pair.ts'
import { float64, int32, int64 } from './numbers.ts'
import { pendingCall } from './pending-call.ts'
import { ranking } from './ranking.ts'
import { REACH_OF_TOP } from './reach-of-top.ts'
import { string } from './string.ts'
import { timedList } from './timed-list.ts'
import { SET_TIMER, TIMER_TIME } from './timer-time.ts'

function bytesOf<T>(serde: Serde<T>, value: T): Buffer {
  const out = new ByteWriter()
  out.utf8('before')
  const start = out.position
  serde.encode(value, out)
  makeSortable(serde.order, out.buffer, start, out.position)
  return Buffer.from(out.toBytes().subarray(start))
}

function back<T>(serde: Serde<T>, value: T): T {
  const bytes = Buffer.concat([Buffer.from('before'), bytesOf(serde, value), Buffer.from('behind')])
  return serde.decode(bytes, 6, bytes.length - 6)
}

const texts = fc.string({ unit: fc.constantFrom('\0', '\u0001', 'a', 'b', 'ÿ'), maxLength: 5 })

describe('pairs', () => {
  test('come back whole, and sort by the first part, then by the second', () => {
    const serde = keyPair(string(), int32())
    const pairs = fc.tuple(texts, fc.integer({ min: -3, max: 3 }))
    fc.assert(
      fc.property(pairs, pairs, (a, b) => {
        expect(back(serde, a)).toEqual(a)
        expect(serde.fromJson(serde.toJson(a))).toEqual(a)
        const byParts = Buffer.from(a[0]).compare(Buffer.from(b[0])) || Math.sign(a[1] - b[1])
        expect(bytesOf(serde, a).compare(bytesOf(serde, b))).toBe(byParts)
      }),
    )
    expect(back(keyPair(float64(), float64()), [-1.5, 2.5])).toEqual([-1.5, 2.5])
  })

  test('have no order if a part has none', () => {
    expect(keyPair(string(), json()).order).toBe('none')
    expect(keyPair(json<{ a: number }>(), string()).order).toBe('none')
    expect(back(keyPair(json<{ a: number }>(), string()), [{ a: 1 }, 'b'])).toEqual([{ a: 1 }, 'b'])
    expect(keyPair(string(), int32()).name).toBe('keys(string,int32)')
  })

  test('refuse bytes and JSON that are not pairs', () => {
    const serde = keyPair(string(), string())
    for (const bytes of ['', 'abc', 'ab\0', 'ab\0\u0002c']) {
      expect(() => serde.decode(Buffer.from(bytes), 0, bytes.length)).toThrow('not a pair')
    }
    expect(() => serde.fromJson(['a'])).toThrow('a pair is needed')
  })
})

describe('lists with times', () => {
  const serde = timedList(json<unknown>())

  test('come back whole', () => {
    const list = [
      { time: -5, value: { a: [1] } },
      { time: 2 ** 52, value: '' },
    ]
    expect(back(serde, list)).toEqual(list)
    expect(back(serde, [])).toEqual([])
    expect(serde.fromJson(serde.toJson(list))).toEqual(list)
  })

  test('refuse bytes that are cut off, and JSON that is not a list', () => {
    const bytes = bytesOf(serde, [{ time: 1, value: 'abc' }])
    for (let end = 1; end < bytes.length; end++) expect(() => serde.decode(bytes, 0, end)).toThrow('cut off')
    expect(() => serde.fromJson({})).toThrow('a list is needed')
    expect(() => serde.fromJson([1])).toThrow('{ time, value } is needed')
  })
})

describe('rankings', () => {
  const serde = ranking(int32(), json<unknown>())
  const rows = [
    { rank: 1, key: -5, value: { a: [1] } },
    { rank: 2, key: 7, value: '' },
  ]

  test('come back whole, each row with its rank', () => {
    expect(back(serde, rows)).toEqual(rows)
    expect(back(serde, [])).toEqual([])
    expect(serde.fromJson(serde.toJson(rows))).toEqual(rows)
    expect(serde.name).toBe('ranking(int32,json)')
  })

  test('refuse bytes that are cut off, and JSON that is not a list of rows in order', () => {
    const whole = bytesOf(serde, rows.slice(0, 1))
    for (let end = 1; end < whole.length; end++) expect(() => serde.decode(whole, 0, end)).toThrow('cut off')
    expect(() => serde.fromJson({})).toThrow('a list of rows is needed')
    expect(() => serde.fromJson([{ rank: 2, key: 1, value: 1 }])).toThrow('{ rank: 1, key, value } is needed')
    expect(() => serde.fromJson([{ rank: 1, key: 1 }])).toThrow('{ rank: 1, key, value } is needed')
  })
})

describe('the reach of a top', () => {
  test('comes back whole', () => {
    const reach = { count: 3, last: new Uint8Array([0, 255, 1]) }
    expect(back(REACH_OF_TOP, reach)).toEqual(reach)
    expect(REACH_OF_TOP.fromJson(REACH_OF_TOP.toJson(reach))).toEqual(reach)
  })

  test('refuses other bytes and JSON', () => {
    expect(() => REACH_OF_TOP.decode(Buffer.alloc(8), 0, 8)).toThrow('not a reach-of-top')
    expect(() => REACH_OF_TOP.fromJson({ count: 1 })).toThrow('{ count, last } is needed')
    expect(() => REACH_OF_TOP.fromJson({ count: '1', last: '' })).toThrow('a number is needed')
  })
})

describe('calls that are not done', () => {
  const serde = pendingCall(string(), json<unknown>())
  const place = { origin: 'orders/0/7', index: 3, inputId: 2 ** 32 - 1, offset: 7 }
  const call = { at: 5, watermark: 2 ** 40, ...place, repeated: true, unordered: false }

  test.each([
    { ...call, key: 'a', value: { b: [1] } },
    { ...call, key: null, value: '', repeated: false, unordered: true },
    { ...call, key: '', value: null },
    { ...call, key: null, value: null, origin: '' },
  ])('come back whole, as %j', (each) => {
    expect(back(serde, each)).toEqual(each)
    expect(serde.fromJson(serde.toJson(each))).toEqual(each)
  })

  test('refuse bytes that are cut off, and other JSON', () => {
    const bytes = bytesOf(serde, { ...call, key: 'key', value: null })
    for (let end = 0; end < bytes.length; end++) expect(() => serde.decode(bytes, 0, end)).toThrow('not a call')
    expect(() => serde.fromJson({ key: 'a', value: 1 })).toThrow('a call is needed')
    expect(() => serde.fromJson(5)).toThrow('a call is needed')
  })
})

describe('the times of timers', () => {
  const times = [
    { clock: 'event', at: 0 },
    { clock: 'event', at: 2 ** 40 },
    { clock: 'wall', at: 5 },
  ] as const

  test('come back whole, and sort by clock, then by time', () => {
    for (const time of times) {
      expect(back(TIMER_TIME, time)).toEqual(time)
      expect(TIMER_TIME.fromJson(TIMER_TIME.toJson(time))).toEqual(time)
    }
    const bytes = times.map((time) => bytesOf(TIMER_TIME, time))
    expect(bytes.toSorted((a, b) => a.compare(b))).toEqual(bytes)
  })

  test('have beside them when they were set', () => {
    expect(back(SET_TIMER, { at: 2 ** 40, setAt: 7 })).toEqual({ at: 2 ** 40, setAt: 7 })
    expect(SET_TIMER.fromJson(SET_TIMER.toJson({ at: 1, setAt: 2 }))).toEqual({ at: 1, setAt: 2 })
    expect(() => SET_TIMER.decode(Buffer.alloc(15), 0, 15)).toThrow('not a timer')
    expect(() => SET_TIMER.fromJson({ at: 1 })).toThrow('{ at, setAt } is needed')
  })

  test('refuse other bytes and JSON', () => {
    expect(() => TIMER_TIME.decode(Buffer.from([2, ...bytesOf(int64(), 1)]), 0, 9)).toThrow('not the time of a timer')
    expect(() => TIMER_TIME.decode(Buffer.from([0, 1]), 0, 2)).toThrow('not the time of a timer')
    expect(() => TIMER_TIME.fromJson({ clock: 'sun', at: 1 })).toThrow('{ clock, at } is needed')
  })
})
