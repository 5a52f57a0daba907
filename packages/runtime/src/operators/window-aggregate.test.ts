import { json } from '@millrace/core'
import type { WindowSpec } from '@millrace/core/internal'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CurrentRecord } from '../task/current-record.ts'
import { EventTime } from '../task/event-time.ts'
import type { Fold } from './aggregate.ts'
import { StreamOperator, TableOperator } from './operator.ts'
import { MapWindowStore } from './testing/map-window-store.ts'
import { WindowAggregateOperator } from './window-aggregate.ts'
import { WindowRetention } from './window-retention.ts'

interface Change {
  readonly key: unknown
  readonly start: number
  readonly value: unknown
  readonly old: unknown
  readonly timestamp: number
}

class Changes extends TableOperator {
  readonly all: Change[] = []

  change(windowed: unknown, value: unknown, old: unknown, timestamp: number): void {
    const { key, window } = windowed as { key: unknown; window: { start: number } }
    this.all.push({ key, start: window.start, value, old, timestamp })
  }
}

class Late extends StreamOperator {
  readonly all: [unknown, number][] = []

  process(_key: unknown, value: unknown, timestamp: number): void {
    this.all.push([value, timestamp])
  }
}

const sum: Fold = {
  step: 'aggregate "sum"',
  init: () => 0,
  add: (total, value) => (total as number) + (value as number),
  context: new CurrentRecord(),
}

function setUp(times: WindowSpec, final: boolean) {
  const time = new EventTime()
  const store = new MapWindowStore<unknown, unknown>()
  const changes = new Changes()
  const late = new Late()
  let lateCount = 0
  const count = () => {
    lateCount++
  }
  const operator = new WindowAggregateOperator(sum, times, final, time, store, { count, next: late }, changes)
  const advance = (watermark: number) => {
    if (watermark <= time.watermark) return
    time.watermark = watermark
    if (watermark < time.nextClose) return
    time.nextClose = Number.POSITIVE_INFINITY
    operator.close()
  }
  return { operator, time, store, changes, late, advance, lateCount: () => lateCount }
}

const records = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b'),
    value: fc.integer({ min: 1, max: 9 }),
    at: fc.integer({ min: -50, max: 200 }),
  }),
  { maxLength: 60 },
)
const windows = fc
  .record({
    sizeMs: fc.integer({ min: 1, max: 40 }),
    advanceMs: fc.integer({ min: 1, max: 40 }),
    graceMs: fc.integer({ min: 0, max: 30 }),
  })
  .map(({ sizeMs, advanceMs, graceMs }) => ({
    sizeMs,
    advanceMs: Math.min(advanceMs, sizeMs),
    graceMs,
    retentionMs: undefined,
    kind: 'hopping' as const,
  }))

/** Every window, by definition: all multiples of the advance whose window holds the time. */
function windowsOf(at: number, { sizeMs, advanceMs }: WindowSpec): number[] {
  const starts: number[] = []
  for (let start = -400 * advanceMs; start <= 400 * advanceMs; start += advanceMs) {
    if (start <= at && at < start + sizeMs) starts.push(start)
  }
  return starts
}

describe('a windowed aggregate', () => {
  test('equals a fold over the windows by their definition, with late records left out and handed on', () => {
    fc.assert(
      fc.property(records, windows, (input, times) => {
        const { operator, store, late, advance, lateCount } = setUp(times, false)
        const model = new Map<string, number>()
        const lateModel: [number, number][] = []
        let watermark = Number.NEGATIVE_INFINITY
        for (const { key, value, at } of input) {
          watermark = Math.max(watermark, at)
          advance(at)
          operator.process(key, value, at)
          const starts = windowsOf(at, times)
          const open = starts.filter((start) => start + times.sizeMs + times.graceMs > watermark)
          for (const start of open) model.set(`${key} ${start}`, (model.get(`${key} ${start}`) ?? 0) + value)
          if (open.length < starts.length) lateModel.push([value, at])
        }
        const rows = new Map(store.rows().map(([key, start, total]) => [`${key} ${start}`, total]))
        expect(rows).toEqual(model)
        expect(late.all).toEqual(lateModel)
        expect(lateCount()).toBe(lateModel.length)
      }),
    )
  })

  test('emits each window once, when it closes, with its last total, where only final results are wanted', () => {
    fc.assert(
      fc.property(records, windows, (input, times) => {
        const { operator, store, changes, advance, time } = setUp(times, true)
        for (const { key, value, at } of input) {
          advance(at)
          operator.process(key, value, at)
        }
        const closed = store.rows().filter(([, start]) => start + times.sizeMs + times.graceMs <= time.watermark)
        const emitted = changes.all.map(({ key, start, value }) => [key, start, value])
        expect(new Set(emitted.map(String))).toEqual(new Set(closed.map(String)))
        expect(emitted).toHaveLength(closed.length)
        for (const { timestamp, start } of changes.all) expect(timestamp).toBe(start + times.sizeMs - 1)
      }),
    )
  })

  test('goes on after a restart without emitting a window again or losing one', () => {
    fc.assert(
      fc.property(records, windows, fc.nat(), (input, times, cut) => {
        const at = input.length === 0 ? 0 : cut % input.length
        const whole = setUp(times, true)
        for (const record of input) {
          whole.advance(record.at)
          whole.operator.process(record.key, record.value, record.at)
        }
        const first = setUp(times, true)
        for (const record of input.slice(0, at)) {
          first.advance(record.at)
          first.operator.process(record.key, record.value, record.at)
        }
        const time = new EventTime()
        time.watermark = first.time.watermark
        const changes = new Changes()
        const late = { count: () => undefined, next: undefined }
        const second = new WindowAggregateOperator(sum, times, true, time, first.store, late, changes)
        second.resume()
        for (const record of input.slice(at)) {
          if (record.at > time.watermark) {
            time.watermark = record.at
            if (time.watermark >= time.nextClose) {
              time.nextClose = Number.POSITIVE_INFINITY
              second.close()
            }
          }
          second.process(record.key, record.value, record.at)
        }
        expect([...first.changes.all, ...changes.all]).toEqual(whole.changes.all)
      }),
    )
  })

  test('passes the old total beside the new one', () => {
    const { operator, changes } = setUp(
      { sizeMs: 10, advanceMs: 10, graceMs: 0, retentionMs: undefined, kind: 'hopping' as const },
      false,
    )
    operator.process('a', 2, 3)
    operator.process('a', 5, 4)
    expect(changes.all.map(({ value, old }) => [value, old])).toEqual([
      [2, null],
      [7, 2],
    ])
  })

  test('deletes windows whose retention is over, and no others', () => {
    const { operator, store, advance, time } = setUp(
      { sizeMs: 10, advanceMs: 10, graceMs: 0, retentionMs: 20, kind: 'tumbling' },
      false,
    )
    for (const at of [5, 15, 25, 40]) {
      advance(at)
      operator.process('a', 1, at)
    }
    const plan = { name: 's', key: json<never>(), value: json<never>(), windowMs: 10, retentionMs: 20 }
    WindowRetention.of(plan, time, store)?.expire()
    expect(store.rows().map(([, start]) => start)).toEqual([10, 20, 40])
  })

  test('refuses a record without a key, and a callback that returns nothing', () => {
    const { operator } = setUp(
      { sizeMs: 10, advanceMs: 10, graceMs: 0, retentionMs: undefined, kind: 'hopping' as const },
      false,
    )
    expect(() => operator.process(null, 1, 3)).toThrow(expect.objectContaining({ code: 'KEY_MISSING' }))
    const time = new EventTime()
    const silent = { ...sum, add: () => undefined }
    const late = { count: () => undefined, next: undefined }
    const bad = new WindowAggregateOperator(
      silent,
      { sizeMs: 10, advanceMs: 10, graceMs: 0, retentionMs: undefined, kind: 'hopping' as const },
      false,
      time,
      new MapWindowStore(),
      late,
      undefined,
    )
    expect(() => bad.process('a', 1, 3)).toThrow(expect.objectContaining({ code: 'CALLBACK_FAILED' }))
  })
})
