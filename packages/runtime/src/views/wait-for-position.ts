import type { Position, Timers } from '@millrace/core'
import { reflects } from '@millrace/core/internal'
import { concat, filter, firstValueFrom, map, merge, NEVER, Observable, of } from 'rxjs'
import type { ViewPart } from './served-view.ts'

export type Waited = 'reached' | 'timeout' | 'aborted'

/** Waits until every part reflects `wanted`, for at most `timeoutMs`, or until `signal` aborts. Never rejects. */
export function waitForPosition(
  parts: readonly ViewPart[],
  wanted: Position,
  timeoutMs: number,
  timers: Timers,
  signal: AbortSignal,
): Promise<Waited> {
  // The positions of a stopped task complete: the wait then ends by its time, not with an error.
  const moved = merge(...parts.map((part) => part.positions), NEVER)
  const reached = concat(of(undefined), moved).pipe(
    filter(() => parts.every((part) => reflects(part.position, wanted))),
    map((): Waited => 'reached'),
  )
  return firstValueFrom(merge(reached, timedOut(timers, timeoutMs), aborted(signal)))
}

function timedOut(timers: Timers, timeoutMs: number): Observable<Waited> {
  return new Observable((subscriber) => {
    const timer = timers.after(timeoutMs, () => subscriber.next('timeout'))
    return () => timer.cancel()
  })
}

function aborted(signal: AbortSignal): Observable<Waited> {
  return new Observable((subscriber) => {
    const abort = () => subscriber.next('aborted')
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    return () => signal.removeEventListener('abort', abort)
  })
}
