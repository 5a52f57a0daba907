/**
 * An object for values by any name. It inherits nothing: in an ordinary object, a topic with the name `constructor` would be
 * found before it is set, and would be written to what all objects inherit.
 */
export function dictionary<V>(): Record<string, V> {
  return Object.create(null)
}

/** The value that an object itself has under a name, not an inherited one; undefined if it has none. */
export function ownValue<V>(object: Readonly<Record<string, V>>, name: string | number): V | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}
