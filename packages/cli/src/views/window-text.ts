import type { ViewDescription, Window } from '@millrace/client'

/**
 * A window as a person reads it: its start, to the minute if it starts at a whole minute; in a view whose windows have different
 * lengths also its end.
 */
export function windowText({ start, end }: Window, { shape }: Pick<ViewDescription, 'shape'>): string {
  return shape === 'interval' ? `${timeText(start)}/${timeText(end)}` : timeText(start)
}

function timeText(time: number): string {
  const iso = new Date(time).toISOString()
  return time % 60_000 === 0 ? iso.slice(0, 16) : iso.slice(0, -1)
}
