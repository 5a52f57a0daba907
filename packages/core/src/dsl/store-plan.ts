import type { Serde } from '../contracts/serde.ts'
import { hasWindows } from '../contracts/store-shape.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import type { FixedWindows } from '../plan/window.ts'
import { keyPair } from '../serdes/key-pair.ts'
import { nullable } from '../serdes/nullable.ts'
import { int64 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { SET_TIMER, TIMER_TIME } from '../serdes/timer-time.ts'
import { windowed } from '../serdes/windowed.ts'
import { planSerde, type TableWindow } from './plan-value.ts'

/** A store of that name for records by key and event time, which are kept for `keptMs`, or until they are deleted. `timed`: each has another time too. */
export function recordStorePlan<V>(
  name: string,
  key: Serde<never>,
  value: Serde<V> | undefined,
  keptMs: number | undefined,
  timed: boolean,
): StorePlan {
  const shape = { kind: 'instant' } as const
  return Object.freeze({ name, key, value: planSerde(value), shape, retentionMs: keptMs, timed })
}

/** A store of that name; by key and window if there is one. `timed`: its values are computed from several records. */
export function storePlan<V>(
  name: string,
  key: Serde<never>,
  value: Serde<V> | undefined,
  window: TableWindow | undefined,
  timed: boolean,
): StorePlan {
  return Object.freeze({
    name,
    key,
    value: planSerde(value),
    shape: window === undefined ? { kind: 'key' as const } : window.shape,
    retentionMs: window?.retentionMs,
    timed,
  })
}

/** A store for timers, by key and name, in the order in which they are to be looked at. */
export function timersPlan(name: string, key: Serde<never>): StorePlan {
  // The serde meets the keys that it was declared for, and no others.
  const byName = planSerde(keyPair(key as unknown as Serde<unknown>, string()))
  const shape = { kind: 'sorted', order: planSerde(TIMER_TIME) } as const
  return Object.freeze({ name, key: byName, value: planSerde(SET_TIMER), shape, retentionMs: undefined, timed: false })
}

/** A store for the rows of a table that are to be passed on: by key, with the window if there is one, and by time, a value or null. */
export function pendingStorePlan({ name, key, value, shape }: StorePlan): StorePlan {
  return Object.freeze({
    name: `${name}.pending`,
    key: hasWindows(shape) ? (windowed(key) as Serde<never>) : key,
    value: nullable(value) as Serde<never>,
    shape: { kind: 'instant' as const },
    retentionMs: undefined,
    timed: false,
  })
}

/** Where the totals of panes are kept until their last window has closed, and for each key the window that closes next. */
export function paneStorePlans(
  { name, key, value }: StorePlan,
  { sizeMs, graceMs }: FixedWindows,
): readonly [panes: StorePlan, next: StorePlan] {
  const panes = recordStorePlan(`${name}.panes`, key, value, sizeMs + graceMs, false)
  return [panes, recordStorePlan(`${name}.next`, key, int64(), undefined, false)]
}
