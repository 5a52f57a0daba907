import type { WindowSpec } from '../plan/window.ts'
import { type Duration, durationMs } from './duration.ts'

/** How long windows take records, and how long they are kept. */
export interface WindowOptions {
  /** How long after its end, by event time, a window still takes records. Default 0. */
  readonly grace?: Duration
  /** How long after its end a window is kept for queries; at least the grace. Default: for ever. */
  readonly retention?: Duration
}

/** How far apart hopping windows start, and how long they take records. */
export interface HoppingOptions extends WindowOptions {
  /** How far apart windows start; at most their size. */
  readonly advance: Duration
}

/** How event time is cut into windows. */
export type Windows = WindowSpec

/**
 * Windows of one size, one after the other; every record is in one of them. They are aligned to the epoch, in UTC. A size,
 * grace or retention that is not a duration makes `job` throw `JOB_INVALID`.
 *
 * ```ts
 * stream(flights).groupByKey().window(tumbling('1h', { grace: '10m' })).count('flights-by-hour')
 * ```
 */
export function tumbling(size: Duration, options: WindowOptions = {}): Windows {
  const sizeMs = durationMs(size)
  return Object.freeze({ kind: 'tumbling', sizeMs, advanceMs: sizeMs, ...waiting(options) })
}

/**
 * Windows of one size that start every `advance`, so that they overlap: a record is in every window that spans its time. An
 * advance that is 0, more than the size, or so small that a record would be in more than 10,000 windows makes `job` throw
 * `JOB_INVALID`.
 *
 * ```ts
 * stream(flights).groupByKey().window(hopping('1h', { advance: '10m' })).count('flights-in-the-last-hour')
 * ```
 */
export function hopping(size: Duration, options: HoppingOptions): Windows {
  return Object.freeze({
    kind: 'hopping',
    sizeMs: durationMs(size),
    advanceMs: durationMs(options.advance),
    ...waiting(options),
  })
}

function waiting({ grace = 0, retention }: WindowOptions): Pick<WindowSpec, 'graceMs' | 'retentionMs'> {
  return { graceMs: durationMs(grace), retentionMs: retention === undefined ? undefined : durationMs(retention) }
}
