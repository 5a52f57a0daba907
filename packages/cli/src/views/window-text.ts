import type { Window } from '@millrace/client'

/** A window as a person reads it: its start, to the minute if it starts at a whole minute. */
export function windowText({ start }: Window): string {
  const iso = new Date(start).toISOString()
  return start % 60_000 === 0 ? iso.slice(0, 16) : iso.slice(0, -1)
}
