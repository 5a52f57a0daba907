import type { WindowSpec } from './window.ts'

/** The sizes that say which windows a time is in; in ms. */
type WindowSizes = Pick<WindowSpec, 'sizeMs' | 'advanceMs'>

/**
 * The start of the last window that a time is in: the multiple of the advance at or before it. Windows are aligned to the
 * epoch, before which times are negative. For tumbling windows it is the only one.
 */
export function lastWindowStart(timestamp: number, advanceMs: number): number {
  const past = timestamp % advanceMs
  // JavaScript's remainder has the sign of the time.
  return timestamp - (past < 0 ? past + advanceMs : past)
}

/** The start of the first window that a time is in. */
export function firstWindowStart(timestamp: number, { sizeMs, advanceMs }: WindowSizes): number {
  return lastWindowStart(timestamp - sizeMs, advanceMs) + advanceMs
}

/**
 * The start of the window after the one that starts at `start` among those that `timestamp` is in; undefined after the last
 * one. With `firstWindowStart` it walks all windows of a time, oldest first, without making anything.
 */
export function nextWindowStart(start: number, timestamp: number, advanceMs: number): number | undefined {
  const next = start + advanceMs
  return next <= timestamp ? next : undefined
}

/** Whether a window takes no more records at a watermark: the watermark has reached its end and the grace. */
export function isWindowClosed(start: number, watermark: number, { sizeMs, graceMs }: WindowSpec): boolean {
  return start + sizeMs + graceMs <= watermark
}

/** The start of the first window that still takes records at a watermark: all that start before it are closed. */
export function firstOpenWindowStart(watermark: number, { sizeMs, advanceMs, graceMs }: WindowSpec): number {
  return lastWindowStart(watermark - sizeMs - graceMs, advanceMs) + advanceMs
}
