import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'

/**
 * Stands for the keys of a topic that has none. A record is written without a key, whatever key it came with, and its key is
 * read as null. So this serde never writes or reads a byte.
 */
export const NO_KEY: Serde<null> = {
  name: 'none',
  order: 'none',
  primitive: true,
  encode: (_key: null, _out: ByteWriter) => refuse(),
  decode: refuse,
  toJson: refuse,
  fromJson: refuse,
}

/** Whether a topic's records have no keys. Checked by name, because another copy of this package may have made the job. */
export function isKeyless(key: Pick<Serde<never>, 'name'>): boolean {
  return key.name === NO_KEY.name
}

function refuse(): never {
  throw new Error('The topic has no keys')
}
