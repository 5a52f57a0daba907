import { json } from '@millrace/core'
import { expect, test } from 'vitest'
import { CurrentRecord } from '../../task/current-record.ts'
import { CombinedTime } from '../../task/event-time.ts'
import { TaskClock } from '../../task/task-clock.ts'
import { windowedKey } from '../aggregates/window-results.ts'
import { TableOperator } from '../operator.ts'
import { MapWindowStore } from '../testing/map-window-store.ts'
import { Finals, whenClosed } from './finals.ts'
import { StoreRetention } from './store-retention.ts'

test.each([0, 3, 25])(
  'a window that is kept for %d ms is emitted before it is deleted, whenever commits come',
  (retentionMs) => {
    const windows = { kind: 'tumbling', sizeMs: 10, advanceMs: 10, graceMs: 0, retentionMs } as const
    const store = new MapWindowStore<unknown, unknown>(windows.sizeMs)
    const starts = Array.from({ length: 20 }, (_, window) => window * windows.sizeMs)
    for (const start of starts) store.set(store.find('a', start), start)
    // The last window has closed 5 ms ago.
    const time = new CombinedTime('source', [{ watermark: 205, idle: false }], 1000)
    const finals = new Finals('sums', whenClosed(windows), time, store, windowedKey, new CurrentRecord())
    const emitted: unknown[] = []
    finals.next = new (class extends TableOperator {
      change(_key: unknown, value: unknown): void {
        emitted.push(value)
      }
    })()
    const plan = { name: 'sums', key: json<never>(), value: json<never>(), timed: false, retentionMs }
    const retention = StoreRetention.of({ ...plan, shape: { kind: 'window', sizeMs: windows.sizeMs } }, time, store)
    const clock = new TaskClock([time], retention === undefined ? [finals] : [finals, retention])
    clock.resume([])
    while (clock.due) {
      clock.frozen()
      clock.step()
    }
    expect(emitted).toEqual(starts)
    expect(store.rows().map(([, start]) => start)).toEqual(starts.filter((start) => start >= 205 - 10 - retentionMs))
  },
)
