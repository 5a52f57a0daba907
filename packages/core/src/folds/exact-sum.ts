import { FoldRefusal } from './fold-refusal.ts'

/**
 * A sum of numbers that is exact, so that it depends neither on the order of the numbers nor on how they were grouped. If the
 * sum is a number, it is that number. Else it is several, the nearest number first, then the nearest to what is left, and so
 * on. So equal sums have equal parts.
 *
 * The additions without loss are Shewchuk's (Adaptive Precision Floating-Point Arithmetic, 1997), and the rounding is that of
 * Python's `math.fsum`.
 */
export type ExactSum = number | readonly number[]

/** The number nearest to a sum. */
export function nearest(sum: ExactSum): number {
  return typeof sum === 'number' ? sum : (sum[0] ?? 0)
}

/** Throws a `FoldRefusal` if no number is as large as the sum. */
export function addExactly(word: string, sum: ExactSum, value: number): ExactSum {
  if (typeof sum === 'number') {
    const total = sum + value
    if (lostIn(total, sum, value) === 0) return total
  }
  const parts = grown(typeof sum === 'number' ? [sum] : [...sum].reverse(), value)
  if (!parts.every(Number.isFinite)) {
    throw new FoldRefusal('TOTAL_TOO_LARGE', `${word} would be beyond the largest number`)
  }
  return asSum(parts)
}

export function addSums(word: string, a: ExactSum, b: ExactSum): ExactSum {
  return typeof b === 'number'
    ? addExactly(word, a, b)
    : b.reduce<ExactSum>((sum, part) => addExactly(word, sum, part), a)
}

/** What `a + b` has lost when it was rounded to `total`. */
function lostIn(total: number, a: number, b: number): number {
  const fromB = total - a
  return a - (total - fromB) + (b - fromB)
}

/** The parts of a sum and one number more: none is 0, none overlaps another, the smallest first. */
function grown(parts: readonly number[], value: number): number[] {
  const next: number[] = []
  let carried = value
  for (const part of parts) {
    const total = carried + part
    const lost = lostIn(total, carried, part)
    if (lost !== 0) next.push(lost)
    carried = total
  }
  if (carried !== 0) next.push(carried)
  return next
}

function asSum(parts: readonly number[]): ExactSum {
  const sum: number[] = []
  for (let left = parts; left.length > 0; ) {
    const part = rounded(left)
    sum.push(part)
    left = grown(left, -part)
  }
  const [first = 0] = sum
  return sum.length <= 1 ? first : sum
}

/** The number nearest to the sum of parts that `grown` made; of two that are equally near, the even one. */
function rounded(parts: readonly number[]): number {
  let at = parts.length - 1
  let sum = parts[at] ?? 0
  let lost = 0
  while (at > 0 && lost === 0) {
    const larger = sum
    const part = parts[--at] ?? 0
    sum = larger + part
    lost = part - (sum - larger)
  }
  // If what was lost is half of a unit, the parts that are left decide.
  const left = at > 0 ? (parts[at - 1] ?? 0) : 0
  if ((lost < 0 && left < 0) || (lost > 0 && left > 0)) {
    const twice = lost * 2
    const other = sum + twice
    if (other - sum === twice) return other
  }
  return sum
}
