/** What a step looks up in the outside world for each record, and how long it remembers the answers. */
export interface LookupPlan {
  /** What a record is looked up by. */
  readonly by: (value: never, key: never) => string | number
  readonly lookup: (id: never, context: never) => unknown
  readonly join: (value: never, found: never, key: never) => unknown
  /** How many answers each task remembers at most, and for how long, ms. */
  readonly size: number
  readonly ttlMs: number
}
