/** The index of the first item for which `reached` is true; it must be false before and true after. The length if none. */
export function firstIndex<T>(items: readonly T[], reached: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = items[middle]
    if (item !== undefined && reached(item)) high = middle
    else low = middle + 1
  }
  return low
}
