import type { Timers } from '@millrace/core'

/** Resolves after a time, or when the signal aborts. */
export async function restFor(timers: Timers, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = timers.after(ms, resolve)
  const wake = () => resolve()
  signal?.addEventListener('abort', wake)
  if (signal?.aborted !== true) await promise
  signal?.removeEventListener('abort', wake)
  timer.cancel()
}
