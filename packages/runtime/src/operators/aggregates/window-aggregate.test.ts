import { json } from '@millrace/core'
import type { FixedWindows } from '@millrace/core/internal'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CurrentRecord } from '../../task/current-record.ts'
import { CombinedTime, HeldTime, NO_WATERMARK, type Progress } from '../../task/event-time.ts'
import { type SavedClock, TaskClock } from '../../task/task-clock.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import { MapWindowStore } from '../testing/map-window-store.ts'
import { Finals, whenClosed } from '../time/finals.ts'
import { StoreRetention } from '../time/store-retention.ts'
import type { Fold } from './fold.ts'
import { WindowAggregateOperator } from './window-aggregate.ts'
import { windowedKey } from './window-results.ts'

interface Change {
  readonly key: unknown
  readonly start: number
  readonly value: unknown
  readonly old: unknown
  readonly timestamp: number
}

class Changes extends TableOperator {
  readonly all: Change[] = []
  /** The watermark that a step passes on with its results: none may be behind it. */
  passedOn: Progress | undefined

  change(windowed: unknown, value: unknown, old: unknown, timestamp: number): void {
    const { key, window } = windowed as { key: unknown; window: { start: number } }
    this.all.push({ key, start: window.start, value, old, timestamp })
    if (this.passedOn !== undefined) expect(this.passedOn.watermark).toBeLessThanOrEqual(timestamp)
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
  merge: undefined,
  context: new CurrentRecord(),
  value: json(),
  copier: undefined,
}

const TUMBLING: FixedWindows = { kind: 'tumbling', sizeMs: 10, advanceMs: 10, graceMs: 0, retentionMs: undefined }

/** A windowed aggregate, with its finals if they are wanted, over a source partition whose times are given. */
function setUp(
  windows: FixedWindows,
  final: boolean,
  store = new MapWindowStore<unknown, unknown>(windows.sizeMs),
  saved?: SavedClock,
) {
  const source = { watermark: NO_WATERMARK, idle: false }
  const time = new CombinedTime('source', [source], 1000)
  const record = new CurrentRecord()
  const changes = new Changes()
  const late = new Late()
  let lateCount = 0
  const count = () => {
    lateCount++
  }
  const next = final ? undefined : changes
  const operator = new WindowAggregateOperator(sum, windows, time, record, store, { count, next: late }, next)
  const finals = new Finals('sum', whenClosed(windows), time, store, windowedKey, record)
  finals.next = changes
  const behind = new HeldTime('final sum', time, finals)
  if (final) changes.passedOn = behind
  const clock = new TaskClock([time, behind], final ? [finals] : [])
  clock.resume(saved === undefined ? [] : [saved])
  /** Takes a record as a task does: what its time closes comes first. Stops within that when `steps` are used up. */
  const take = ({ key, value, at }: { key: unknown; value: number; at: number }, steps = Number.POSITIVE_INFINITY) => {
    source.watermark = Math.max(source.watermark, at)
    clock.advance()
    for (let step = 0; clock.due && step < steps; step++) clock.step()
    if (clock.due) return false
    record.watermark = source.watermark
    operator.process(key, value, at)
    return true
  }
  return { operator, record, time, store, changes, late, take, clock, lateCount: () => lateCount }
}

const records = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b'),
    value: fc.integer({ min: 1, max: 9 }),
    at: fc.nat(200),
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
function windowsOf(at: number, { sizeMs, advanceMs }: FixedWindows): number[] {
  const starts: number[] = []
  for (let start = -400 * advanceMs; start <= 400 * advanceMs; start += advanceMs) {
    if (start <= at && at < start + sizeMs) starts.push(start)
  }
  return starts
}

describe('a windowed aggregate', () => {
  test('equals a fold over the windows by their definition, with late records left out and passed on', () => {
    fc.assert(
      fc.property(records, windows, (input, times) => {
        const { store, late, take, lateCount } = setUp(times, false)
        const model = new Map<string, number>()
        const lateModel: [number, number][] = []
        let watermark = NO_WATERMARK
        for (const { key, value, at } of input) {
          watermark = Math.max(watermark, at)
          take({ key, value, at })
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

  test('judges a record by the watermark that it carries, however far behind the time of the task is', () => {
    const { operator, record, late, store } = setUp(TUMBLING, false)
    record.watermark = 19
    operator.process('a', 1, 9)
    record.watermark = 9
    operator.process('a', 2, 9)
    expect(late.all).toEqual([[1, 9]])
    expect(store.rows()).toEqual([['a', 0, 2]])
  })

  test('takes nothing for a window that has closed at the task, whatever watermark the record carries', () => {
    const { operator, record, late, take } = setUp(TUMBLING, true)
    take({ key: 'a', value: 1, at: 30 })
    record.watermark = 9
    operator.process('a', 2, 9)
    expect(late.all).toEqual([[2, 9]])
  })

  test('gives a change the highest time of what is in its total', () => {
    const { take, changes } = setUp({ ...TUMBLING, sizeMs: 1000, advanceMs: 1000 }, false)
    for (const at of [0, 100, 5]) take({ key: 'a', value: 1, at })
    expect(changes.all.map(({ timestamp }) => timestamp)).toEqual([0, 100, 100])
  })

  test('emits each window once, when it closes, with its last total, if only final results are requested', () => {
    fc.assert(
      fc.property(records, windows, (input, times) => {
        const { store, changes, take, time } = setUp(times, true)
        for (const record of input) take(record)
        const closed = store.rows().filter(([, start]) => start + times.sizeMs + times.graceMs <= time.watermark)
        const emitted = changes.all.map(({ key, start, value }) => [key, start, value])
        expect(new Set(emitted.map(String))).toEqual(new Set(closed.map(String)))
        expect(emitted).toHaveLength(closed.length)
        for (const { timestamp, start } of changes.all) expect(timestamp).toBe(start + times.sizeMs - 1)
      }),
    )
  })

  test('continues after a restart, also one amid the results of a window, without emitting one again or losing one', () => {
    fc.assert(
      fc.property(records, windows, fc.nat(), fc.nat(4), (input, times, cut, steps) => {
        const at = input.length === 0 ? 0 : cut % input.length
        const whole = setUp(times, true)
        for (const record of input) whole.take(record)
        const first = setUp(times, true)
        for (const record of input.slice(0, at)) first.take(record)
        const [next] = input.slice(at)
        const taken = next !== undefined && first.take(next, steps)
        const saved = JSON.parse(JSON.stringify(first.clock.save()))
        const second = setUp(times, true, first.store, saved)
        for (const record of input.slice(taken ? at + 1 : at)) second.take(record)
        // A step that was due while no further record came has its turn with the next record.
        if (input.length > 0) second.take({ key: 'z', value: 0, at: 0 })
        if (input.length > 0) whole.take({ key: 'z', value: 0, at: 0 })
        expect([...first.changes.all, ...second.changes.all]).toEqual(whole.changes.all)
      }),
    )
  })

  test('closes windows of a checkpoint once time is known again', () => {
    const first = setUp(TUMBLING, true)
    first.operator.process('a', 1, 5)
    const saved = JSON.parse(JSON.stringify(first.clock.save()))
    const second = setUp(TUMBLING, true, first.store, saved)
    expect(second.changes.all).toEqual([])
    second.take({ key: 'a', value: 1, at: 100 })
    expect(second.changes.all.map(({ start, value }) => [start, value])).toEqual([[0, 1]])
  })

  test('continues after a result for which a step downstream throws', () => {
    const { take, changes, clock } = setUp(TUMBLING, true)
    for (const key of ['a', 'b', 'c']) take({ key, value: 1, at: 5 })
    const { change } = changes
    changes.change = (windowed, ...more) => {
      if ((windowed as { key: unknown }).key === 'b') throw new Error('broken')
      change.call(changes, windowed, ...more)
    }
    expect(() => take({ key: 'a', value: 1, at: 10 })).toThrow('broken')
    while (clock.due) clock.step()
    expect(changes.all.map(({ key }) => key)).toEqual(['a', 'c'])
  })

  test('passes the old total beside the new one', () => {
    const { take, changes } = setUp(TUMBLING, false)
    take({ key: 'a', value: 2, at: 3 })
    take({ key: 'a', value: 5, at: 4 })
    expect(changes.all.map(({ value, old }) => [value, old])).toEqual([
      [2, null],
      [7, 2],
    ])
  })

  test('deletes windows whose retention is over, and no others', () => {
    const { store, take, time } = setUp({ ...TUMBLING, retentionMs: 20 }, false)
    for (const at of [5, 15, 25, 40]) take({ key: 'a', value: 1, at })
    const plan = {
      name: 's',
      key: json<never>(),
      value: json<never>(),
      shape: { kind: 'window', sizeMs: 10 } as const,
      retentionMs: 20,
      timed: false,
    }
    const retention = StoreRetention.of(plan, time, store)
    retention?.look()
    while (retention !== undefined && retention.dueAt <= time.watermark) retention.step()
    expect(store.rows().map(([, start]) => start)).toEqual([10, 20, 40])
  })

  test('rejects a record without a key, and a callback that returns nothing', () => {
    const { operator, time, record } = setUp(TUMBLING, false)
    expect(() => operator.process(null, 1, 3)).toThrow(expect.objectContaining({ code: 'KEY_MISSING' }))
    const silent = { ...sum, add: () => undefined }
    const late = { count: () => undefined, next: undefined }
    const bad = new WindowAggregateOperator(
      silent,
      TUMBLING,
      time,
      record,
      new MapWindowStore(TUMBLING.sizeMs),
      late,
      undefined,
    )
    expect(() => bad.process('a', 1, 3)).toThrow(expect.objectContaining({ code: 'CALLBACK_FAILED' }))
  })
})
