/**
 * After a slice that a callback makes this much longer, tasks rest until the commit that is due is over, and for a fiftieth
 * of the slice. The work beside them (commits, fencing, queries) has several steps, and each would wait for another slice.
 */
const SLOW_SLICE_MS = 200
const REST_PART = 0.02

/** How long tasks rest after a slice that exceeded its time by this much; undefined if the slice was not slow. */
export function restAfterSlice(lateMs: number): number | undefined {
  return lateMs > SLOW_SLICE_MS ? lateMs * REST_PART : undefined
}
