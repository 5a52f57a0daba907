/** A number that stands for ids: what random jobs decide by. */
export function idsHash(ids: readonly string[]): number {
  let hash = 7
  for (const id of ids) for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) % 1_000_003
  return hash
}
