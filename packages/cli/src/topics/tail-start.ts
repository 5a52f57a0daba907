import { isoTime } from '@millrace/core/internal'
import { InvalidArgumentError } from 'commander'

/** The place where a tail begins, in each partition. */
export type TailStart =
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly timestamp: number }

export function parseStart(text: string): TailStart {
  if (text === 'start' || text === 'end') return { kind: text }
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return { kind: 'offset', offset: Number(text) }
  const timestamp = isoTime(text)
  if (timestamp !== undefined) return { kind: 'time', timestamp }
  throw new InvalidArgumentError('Give start, end, an offset, or a date such as 2001-01-31T08:00.')
}
