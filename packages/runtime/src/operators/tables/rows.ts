import type { Windowed } from '@millrace/core'
import { type Entry, hasWindows, type IntervalStore, type StorePlan } from '@millrace/core/internal'
import type { EventTime } from '../../task/event-time.ts'
import type { StepContext } from '../step-context.ts'

/** Where a step keeps rows by the keys of a table: plain keys, or keys with their window. */
export interface Rows {
  find(key: unknown): Entry<unknown, unknown>
  /** Gives the row a value; undefined deletes it. */
  set(row: Entry<unknown, unknown>, value: unknown): void
}

/** The rows by key and window, of one size or of any. */
function windowsIn(
  store: StorePlan,
  time: EventTime,
  context: StepContext,
): Pick<IntervalStore<unknown, unknown>, 'find' | 'set'> {
  return store.shape.kind === 'interval' ? context.intervalStore(store, time) : context.windowStore(store, time)
}

/** The rows in a store. To be requested once only. Windows expire by `time`. */
export function rowsIn(store: StorePlan, time: EventTime, context: StepContext): Rows {
  if (!hasWindows(store.shape)) return context.keyValueStore(store)
  const windows = windowsIn(store, time, context)
  return {
    find(windowed) {
      const { key, window } = windowed as Windowed<unknown>
      return windows.find(key, window.start, window.end)
    },
    // The entry is one that `find` returned.
    set: (row, value) => windows.set(row as ReturnType<typeof windows.find>, value),
  }
}
