/**
 * What a store's keys begin with, in its task's state and in the changelog: its name, and from its second incarnation on
 * also which one that is. A store that is started empty again can so never read what it held before. No store's name holds
 * a `~`.
 */
export function storeKeyName({
  name,
  incarnation = 1,
}: {
  readonly name: string
  readonly incarnation?: number
}): string {
  return incarnation === 1 ? name : `${name}~${incarnation}`
}
