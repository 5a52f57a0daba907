/** How event time is cut into windows; all in ms. Windows are aligned to the epoch. */
export interface WindowSpec {
  readonly kind: 'tumbling' | 'hopping'
  /** How long a window is. */
  readonly sizeMs: number
  /** How far apart windows start; equal to the size for tumbling ones. */
  readonly advanceMs: number
  /** How long after its end, by event time, a window still takes records. Default 0. */
  readonly graceMs: number
  /** How long after its end a window is kept for queries; undefined keeps it. At least the grace. */
  readonly retentionMs: number | undefined
}
