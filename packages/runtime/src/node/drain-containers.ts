import { RefusedError, type StatedError } from '@millrace/core'
import { filter, firstValueFrom, fromEvent, race, throwError } from 'rxjs'
import { mergeMap } from 'rxjs/operators'
import type { JobContainers, NamedSlot } from './job-containers.ts'

/**
 * Resolves when all containers, which run until the end, have processed what the inputs held and have ended. Rejects with
 * `DRAIN_FAILED` as soon as one is given up, and with the signal's reason once that is aborted.
 */
export async function drained(job: string, { all }: JobContainers, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = fromEvent(signal, 'abort').pipe(mergeMap(() => throwError(() => signal.reason)))
  const ended = async ({ name, slot }: NamedSlot) => {
    const states = slot.states.pipe(filter(({ phase }) => phase === 'stopped' || phase === 'failed'))
    const { phase, error } = await firstValueFrom(race(states, aborted))
    if (phase === 'failed') throw drainFailed(job, `container ${name} was given up: ${reasonOf(error)}`)
  }
  await Promise.all(all.map(ended))
}

/** The error for a drain that has not processed everything. */
export function drainFailed(job: string, what: string): RefusedError {
  return new RefusedError(
    'DRAIN_FAILED',
    `Job ${job} is not drained, because ${what}. What was committed stays, and the next start continues from there`,
    { job },
  )
}

function reasonOf(error: StatedError | null): string {
  return error === null ? 'no reason is known' : `${error.code}: ${error.message}`
}
