import { readTime, TIME_BYTES, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

/** How far the change of a right row, in a join by another key, has reached the left rows that refer to it. */
export interface RightUpdate<K> {
  readonly key: K
  /** The change's event time, ms, and the watermark that came with it. */
  readonly at: number
  readonly watermark: number
  /** The identity of the record that caused it, and the number of records of repartition topics that it has caused so far. */
  readonly inputId: number
  readonly offset: number
  readonly outputs: number
  /** How many left rows it has reached. */
  readonly reached: number
}

const NUMBERS = ['at', 'watermark', 'inputId', 'offset', 'outputs', 'reached'] as const

/** The numbers, 8 bytes each, and the bytes of the key. */
export function rightUpdate<K>(keySerde: Serde<K>): Serde<RightUpdate<K>> {
  const name = `right-update(${keySerde.name})`
  return {
    name,
    order: 'none',
    primitive: false,
    encode(update, out) {
      for (const field of NUMBERS) writeTime(out, update[field])
      keySerde.encode(update.key, out)
    },
    decode(bytes, start, end) {
      const keyStart = start + NUMBERS.length * TIME_BYTES
      if (keyStart > end) throw new Error(`the bytes are not a ${name}`)
      const number = (index: number) => readTime(bytes, start + index * TIME_BYTES)
      return {
        key: keySerde.decode(bytes, keyStart, end),
        at: number(0),
        watermark: number(1),
        inputId: number(2),
        offset: number(3),
        outputs: number(4),
        reached: number(5),
      }
    },
    toJson: (update) => ({ ...update, key: keySerde.toJson(update.key) }),
    fromJson(json) {
      if (!isUpdateJson(json)) throw new Error(`an update of a right row is needed, not ${describeValue(json)}`)
      return { ...json, key: keySerde.fromJson(json.key) }
    },
  }
}

function isUpdateJson(json: unknown): json is RightUpdate<unknown> {
  if (typeof json !== 'object' || json === null || !('key' in json)) return false
  const fields = new Map<string, unknown>(Object.entries(json))
  return NUMBERS.every((field) => typeof fields.get(field) === 'number')
}
