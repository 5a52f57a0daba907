import { type Position, parsePosition, RefusedError } from '@millrace/core'
import { isoTime } from '@millrace/core/internal'

/** Where a job is rewound to. */
export type RewindPlace =
  | { readonly kind: 'start' }
  /** In each partition, the first record with this timestamp or a later one. */
  | { readonly kind: 'time'; readonly atMs: number }
  /** Partitions that it does not list stay where they are. */
  | { readonly kind: 'position'; readonly position: Position }

/** Reads a place as people write it: `start`, an ISO date, or a position such as `orders/0=1200`. Throws `BAD_POSITION`. */
export function parseRewindPlace(text: string): RewindPlace {
  if (text === 'start') return { kind: 'start' }
  if (text.includes('=')) return { kind: 'position', position: parsePosition(text) }
  const atMs = isoTime(text)
  if (atMs !== undefined) return { kind: 'time', atMs }
  throw new RefusedError(
    'BAD_POSITION',
    `A job cannot be rewound to ${JSON.stringify(text.slice(0, 100))}. Give start, a date such as 2026-01-31T08:00, or a position ` +
      'such as orders/0=1200,orders/1=900',
  )
}
