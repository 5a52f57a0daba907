import { isoText } from '../iso-time.ts'

/** Where a job begins to read a topic that it has never read; undefined in a plan: at the start. */
export type StartPlan =
  | { readonly kind: 'latest' }
  /** In each partition, at the first record with this timestamp or a later one. */
  | { readonly kind: 'time'; readonly atMs: number }
  /** By partition; those that are missing: at their start. */
  | { readonly kind: 'offsets'; readonly offsets: Readonly<Record<string, number>> }

/** A start in words, the same for the same start: `earliest`, `latest`, `2026-01-01T00:00:00.000Z`, `offsets 0=1200,1=900`. */
export function startText(start: StartPlan | undefined): string {
  if (start === undefined) return 'earliest'
  if (start.kind === 'latest') return 'latest'
  if (start.kind === 'time') return isoText(start.atMs)
  const parts = Object.entries(start.offsets).sort(([a], [b]) => Number(a) - Number(b))
  return `offsets ${parts.map(([partition, offset]) => `${partition}=${offset}`).join(',')}`
}
