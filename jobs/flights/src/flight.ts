/** A flight as `vega-datasets` has it: one of three million in the United States, from January to June 2001. */
export interface Flight {
  /** Departure, ms since the epoch. */
  readonly date: number
  /** Minutes late at the destination; negative for early. */
  readonly delay: number
  /** Miles. */
  readonly distance: number
  readonly origin: string
  readonly destination: string
}
