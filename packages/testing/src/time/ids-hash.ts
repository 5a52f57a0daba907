/** A number computed from ids, by which random jobs make decisions. */
export function idsHash(ids: readonly string[]): number {
  let hash = 7
  for (const id of ids) for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) % 1_000_003
  return hash
}
