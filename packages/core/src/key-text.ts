import type { Serde } from './contracts/serde.ts'

/** The serde whose keys are written as they are when a person writes a key: in a URL, on a command line. */
const TEXT_SERDE = 'string'

/** Whether keys of this serde are written as plain text. */
export function hasTextKeys(serde: Pick<Serde<never>, 'name'>): boolean {
  return serde.name === TEXT_SERDE
}

/** A key as text, for URLs and command lines: string keys as they are, all others as JSON. */
export function keyToText<K>(serde: Pick<Serde<K>, 'name' | 'toJson'>, key: K): string {
  const json = serde.toJson(key)
  return hasTextKeys(serde) && typeof json === 'string' ? json : JSON.stringify(json)
}

/**
 * The inverse of `keyToText`. If keys are not plain text, text that is not JSON is taken as a string, so that a person may
 * write `ATL` for a JSON key `"ATL"`. Throws what the serde throws for a value that is not a key of its kind.
 */
export function keyFromText<K>(serde: Pick<Serde<K>, 'name' | 'fromJson'>, text: string): K {
  return serde.fromJson(hasTextKeys(serde) ? text : jsonOrText(text))
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
