import { json } from '@millrace/core'
import type { SessionWindows } from '@millrace/core/internal'
import { describe, expect, test } from 'vitest'
import { CurrentRecord } from '../../task/current-record.ts'
import { CombinedTime, NO_WATERMARK } from '../../task/event-time.ts'
import { TaskClock } from '../../task/task-clock.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import { MapTimedStore } from '../testing/map-timed-store.ts'
import { Finals, whenEnded } from '../time/finals.ts'
import type { Fold } from './fold.ts'
import { SessionAggregateOperator } from './session-aggregate.ts'
import { TotalCopier } from './total-copier.ts'
import { windowedKey } from './window-results.ts'

/** A change as text: `a 10-30: [1] → [1,2] @20`. */
class Changes extends TableOperator {
  readonly all: string[] = []

  change(windowed: unknown, value: unknown, old: unknown, timestamp: number): void {
    const { key, window } = windowed as { key: unknown; window: { start: number; end: number } }
    const [was, is] = [JSON.stringify(old), JSON.stringify(value)]
    this.all.push(`${key} ${window.start}-${window.end}: ${was} → ${is} @${timestamp}`)
  }
}

class Late extends StreamOperator {
  readonly all: [unknown, number][] = []

  process(_key: unknown, value: unknown, timestamp: number): void {
    this.all.push([value, timestamp])
  }
}

const list: Fold = {
  step: 'aggregate "list"',
  init: () => [],
  add: (total, value) => [...(total as unknown[]), value],
  merge: (a, b) => [...(a as unknown[]), ...(b as unknown[])],
  context: new CurrentRecord(),
  value: json(),
  copier: undefined,
}

const TENS: SessionWindows = { kind: 'session', gapMs: 10, graceMs: 100, retentionMs: undefined }

function setUp(windows: SessionWindows = TENS, fold: Fold = list) {
  const source = { watermark: NO_WATERMARK, idle: false }
  const time = new CombinedTime('source', [source], 1000)
  const record = new CurrentRecord()
  const store = new MapTimedStore<unknown, unknown>('interval')
  const [changes, results, late] = [new Changes(), new Changes(), new Late()]
  let lateCount = 0
  const count = () => {
    lateCount++
  }
  const operator = new SessionAggregateOperator(fold, windows, time, record, store, { count, next: late }, changes)
  const finals = new Finals('list', whenEnded(windows), time, store, windowedKey, record)
  finals.next = results
  const clock = new TaskClock([time], [finals])
  clock.resume([])
  /** Takes a record as a task does: what its time closes comes first. */
  const take = (value: unknown, at: number, key: unknown = 'a') => {
    source.watermark = Math.max(source.watermark, at)
    clock.advance()
    while (clock.due) clock.step()
    record.watermark = source.watermark
    operator.process(key, value, at)
  }
  const rows = () => store.inOrder().map(({ key, start, end, value }) => `${key} ${start}-${end}: ${value}`)
  return { take, operator, record, store, rows, changes, results, late, lateCount: () => lateCount }
}

describe('sessions', () => {
  test('a record less than a gap after the last one extends its session, and one a gap after it begins another', () => {
    const { take, rows } = setUp()
    for (const at of [0, 9, 18, 28, 40]) take(at, at)
    expect(rows()).toEqual(['a 0-28: 0,9,18', 'a 28-38: 28', 'a 40-50: 40'])
  })

  test('a record between two sessions makes one of them: the earlier total is the first', () => {
    const { take, rows, changes } = setUp()
    for (const [value, at] of [
      ['p', 0],
      ['q', 16],
      ['r', 8],
    ] as const) {
      take(value, at)
    }
    expect(rows()).toEqual(['a 0-26: p,r,q'])
    expect(changes.all).toEqual([
      'a 0-10: null → ["p"] @0',
      'a 16-26: null → ["q"] @16',
      'a 0-10: ["p"] → null @16',
      'a 16-26: ["q"] → null @16',
      'a 0-26: null → ["p","r","q"] @16',
    ])
  })

  test('a record that moves the start or the end of its session deletes the row, and one inside changes it', () => {
    const { take, changes } = setUp()
    for (const at of [20, 29, 25, 20, 12]) take(at, at)
    expect(changes.all).toEqual([
      'a 20-30: null → [20] @20',
      'a 20-30: [20] → null @29',
      'a 20-39: null → [20,29] @29',
      'a 20-39: [20,29] → [20,29,25] @29',
      'a 20-39: [20,29,25] → [20,29,25,20] @29',
      'a 20-39: [20,29,25,20] → null @29',
      'a 12-39: null → [20,29,25,20,12] @29',
    ])
  })

  test('keys have separate sessions, and a record without a value changes nothing', () => {
    const { take, rows } = setUp()
    take(1, 0, 'a')
    take(2, 5, 'b')
    take(null, 8, 'a')
    take(3, 12, 'b')
    expect(rows()).toEqual(['a 0-10: 1', 'b 5-22: 2,3'])
  })

  test('a record is late if the watermark of its partition is past its time by more than the grace', () => {
    const { take, rows, late, lateCount } = setUp({ ...TENS, graceMs: 5 })
    take(1, 0)
    take(2, 20)
    take(3, 15)
    take(4, 14)
    expect(late.all).toEqual([[4, 14]])
    expect(lateCount()).toBe(1)
    expect(rows()).toEqual(['a 0-10: 1', 'a 15-30: 2,3'])
  })

  test('a record is late if the step is past its time, whatever watermark the record carries', () => {
    const { take, operator, record, late } = setUp({ ...TENS, graceMs: 0 })
    take(1, 20)
    record.watermark = 9
    operator.process('a', 2, 9)
    expect(late.all).toEqual([[2, 9]])
  })

  test('a final comes once, at the end of the session plus the grace, with the last time in the window', () => {
    const { take, results } = setUp({ ...TENS, graceMs: 5 })
    take(1, 0)
    take(2, 9)
    take(3, 23)
    expect(results.all).toEqual([])
    take(4, 24)
    expect(results.all).toEqual(['a 0-19: null → [1,2] @18'])
    take(5, 100)
    expect(results.all).toEqual(['a 0-19: null → [1,2] @18', 'a 23-34: null → [3,4] @33'])
  })

  test('a failed merge is an error of the record, and callbacks that change their totals change copies', () => {
    const add = (total: unknown, value: unknown) => {
      ;(total as unknown[]).push(value)
      return total
    }
    const merge = (a: unknown, b: unknown) => {
      ;(a as unknown[]).push(...(b as unknown[]))
      throw new Error('broken')
    }
    const { take, store } = setUp(TENS, { ...list, add, merge, copier: new TotalCopier(json()) })
    take(1, 0)
    take(2, 16)
    store.mark()
    expect(() => take(3, 8)).toThrow(expect.objectContaining({ code: 'CALLBACK_FAILED' }))
    store.rewind()
    expect(store.inOrder().map(({ start, end, value }) => [start, end, value])).toEqual([
      [0, 10, [1]],
      [16, 26, [2]],
    ])
  })

  test('a merge that returns nothing, and a record without a key, are refused', () => {
    const { take } = setUp(TENS, { ...list, merge: () => undefined })
    take(1, 0)
    take(2, 16)
    expect(() => take(3, 8)).toThrow(expect.objectContaining({ code: 'CALLBACK_FAILED' }))
    expect(() => take(3, 8, null)).toThrow(expect.objectContaining({ code: 'KEY_MISSING' }))
  })
})
