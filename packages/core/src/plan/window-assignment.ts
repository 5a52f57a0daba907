import type { FixedWindows } from './window.ts'

/**
 * The start of the last window that a time is in: the multiple of the advance at or before the time. Windows are aligned to
 * the epoch, before which times are negative. For tumbling windows it is the only window. Each other window that the time is
 * in starts one advance earlier than the next, as long as it ends after the time.
 */
export function lastWindowStart(timestamp: number, advanceMs: number): number {
  const past = timestamp % advanceMs
  // JavaScript's remainder has the sign of the time.
  return timestamp - (past < 0 ? past + advanceMs : past)
}

/** Whether a window takes no more records at a watermark: the watermark has reached the window's end plus the grace. */
export function isWindowClosed(start: number, watermark: number, { sizeMs, graceMs }: FixedWindows): boolean {
  return start + sizeMs + graceMs <= watermark
}

/** The start of the first window that starts after a time. */
export function nextWindowStart(time: number, advanceMs: number): number {
  return lastWindowStart(time, advanceMs) + advanceMs
}
