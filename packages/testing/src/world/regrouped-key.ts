/** How many keys records have after a repartition. */
const REGROUPED_KEYS = 3

/** The key of a record behind the repartition topic of a world's job. */
export function regroupedKey(key: string): string {
  return `r${Number(key.slice(1)) % REGROUPED_KEYS}`
}
