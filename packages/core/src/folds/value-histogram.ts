/**
 * How many numbers are in each of the buckets into which all numbers are cut: DDSketch (Masson, Rim and Lee, 2019). A bucket
 * reaches from one power of 101/99 to the next, so that its middle is within 1 % of each of its numbers. The counts depend on
 * the numbers alone, and not on their order.
 */
export interface ValueHistogram {
  /** The buckets of numbers below 0, by size without the sign. */
  readonly below: Buckets
  /** How many numbers are nearer to 0 than any bucket. */
  readonly zeros: number
  readonly above: Buckets
}

/** Pairs of the number of a bucket and its count, in one list; by bucket. */
type Buckets = readonly number[]

export const NO_VALUES: ValueHistogram = Object.freeze({ below: [], zeros: 0, above: [] })

const GROWTH = 101 / 99
const LOG_GROWTH = Math.log(GROWTH)
/** Nearer to 0 than this is 0. */
const LEAST = 1e-9

/** `times`: 1 to put the number in, -1 to take it out. */
export function counted(values: ValueHistogram, value: number, times: 1 | -1): ValueHistogram {
  const { below, zeros, above } = values
  if (value >= LEAST) return { below, zeros, above: countedIn(above, bucketOf(value), times) }
  if (value <= -LEAST) return { below: countedIn(below, bucketOf(-value), times), zeros, above }
  return { below, zeros: zeros + times, above }
}

export function mergedHistograms(a: ValueHistogram, b: ValueHistogram): ValueHistogram {
  return {
    below: mergedBuckets(a.below, b.below),
    zeros: a.zeros + b.zeros,
    above: mergedBuckets(a.above, b.above),
  }
}

/** The number at a quantile, from 0 to 1, within 1 %: of `n` numbers, the one before which `q (n - 1)` come, rounded down. */
export function quantileOf({ below, zeros, above }: ValueHistogram, q: number): number {
  const belowCount = countOf(below)
  let before = Math.floor(q * (belowCount + zeros + countOf(above) - 1))
  for (let at = below.length - 2; at >= 0; at -= 2) {
    before -= below[at + 1] ?? 0
    if (before < 0) return -middleOf(below[at] ?? 0)
  }
  before -= zeros
  if (before < 0) return 0
  for (let at = 0; at < above.length; at += 2) {
    before -= above[at + 1] ?? 0
    if (before < 0) return middleOf(above[at] ?? 0)
  }
  return 0
}

function bucketOf(size: number): number {
  return Math.ceil(Math.log(size) / LOG_GROWTH)
}

function middleOf(bucket: number): number {
  // Above the middle of the last bucket there may be no number, though its numbers are within 1 % of the largest.
  return Math.min(GROWTH ** (bucket - 1) * (1 + (GROWTH - 1) / (GROWTH + 1)), Number.MAX_VALUE)
}

function countOf(buckets: Buckets): number {
  let sum = 0
  for (let at = 1; at < buckets.length; at += 2) sum += buckets[at] ?? 0
  return sum
}

function countedIn(buckets: Buckets, bucket: number, times: number): Buckets {
  const at = indexOf(buckets, bucket)
  const count = (buckets[at] === bucket ? (buckets[at + 1] ?? 0) : 0) + times
  if (buckets[at] !== bucket) return buckets.toSpliced(at, 0, bucket, count)
  return count === 0 ? buckets.toSpliced(at, 2) : buckets.with(at + 1, count)
}

/** Where the pair of a bucket is, or belongs. */
function indexOf(buckets: Buckets, bucket: number): number {
  let [from, to] = [0, buckets.length / 2]
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((buckets[middle * 2] ?? 0) < bucket) from = middle + 1
    else to = middle
  }
  return from * 2
}

function mergedBuckets(a: Buckets, b: Buckets): Buckets {
  let merged = a
  for (let at = 0; at < b.length; at += 2) merged = countedIn(merged, b[at] ?? 0, b[at + 1] ?? 0)
  return merged
}
