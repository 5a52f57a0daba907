/** Where an element belongs in a sorted list: behind all that are less than it, and before all others. */
export function placeIn<T>(list: readonly T[], element: T, compare: (a: T, b: T) => number): number {
  let [from, to] = [0, list.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (compare(list[middle] as T, element) < 0) from = middle + 1
    else to = middle
  }
  return from
}

/** A sorted list with one element more; of more than `max`, the first ones. The same list if it stays as it is. */
export function inserted<T>(
  list: readonly T[],
  element: T,
  compare: (a: T, b: T) => number,
  max: number,
): readonly T[] {
  const at = placeIn(list, element, compare)
  if (at >= max) return list
  const longer = list.toSpliced(at, 0, element)
  if (longer.length > max) longer.pop()
  return longer
}

/** Two sorted lists as one; of more than `max` elements, the first ones. */
export function mergedLists<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (a: T, b: T) => number,
  max: number,
): readonly T[] {
  return [...a, ...b].sort(compare).slice(0, max)
}
