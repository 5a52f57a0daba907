/** A flight as the benchmarks write it: about 82 bytes of JSON. */
export interface Flight {
  /** Departure, ms since the epoch. */
  readonly date: number
  /** Minutes. */
  readonly delay: number
  /** Miles. */
  readonly distance: number
  readonly origin: string
  readonly destination: string
}
