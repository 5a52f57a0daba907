/** The same promise for the same name, unless it failed. */
export function once<T>(known: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  let made = known.get(name)
  if (made === undefined) {
    made = make()
    made.catch(() => known.delete(name))
    known.set(name, made)
  }
  return made
}
