/** A number of things in words: `1 record`, `2 records`. `many`: the plural, if it is not made with an s. */
export function amount(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
