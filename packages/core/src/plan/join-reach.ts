/** How near in event time two records must be to be joined; all in ms. */
export interface JoinReach {
  /** How much earlier than the left record the right one may be. */
  readonly beforeMs: number
  /** How much later than the left record the right one may be. */
  readonly afterMs: number
  /** How long after its time, by event time, a record is still joined. */
  readonly graceMs: number
}
