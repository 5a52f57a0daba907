/**
 * What a store's keys begin with, in its task's state and in the changelog: the store's name, and from its second incarnation
 * on also the number of the incarnation. So a store that is started empty again can never read what it held before. No
 * store's name contains a `~`.
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
