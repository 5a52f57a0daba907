import { readTime, TIME_BYTES, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

/** A value, and the event time that it is from, ms since the epoch. */
export interface Timed<T> {
  readonly at: number
  readonly value: T
}

/** Values with their event time: 8 bytes, then the bytes of the value. */
export function timed<T>(valueSerde: Serde<T>): Serde<Timed<T>> {
  const name = `timed(${valueSerde.name})`
  return {
    name,
    order: 'none',
    primitive: false,
    encode({ at, value }, out) {
      writeTime(out, at)
      valueSerde.encode(value, out)
    },
    normalize(timedValue) {
      const value = valueSerde.normalize?.(timedValue.value) ?? timedValue.value
      return value === timedValue.value ? timedValue : { at: timedValue.at, value }
    },
    decode(bytes, start, end) {
      const valueStart = start + TIME_BYTES
      if (valueStart > end) throw new Error(`the bytes are not a ${name}`)
      return { at: readTime(bytes, start), value: valueSerde.decode(bytes, valueStart, end) }
    },
    toJson: ({ at, value }) => ({ at, value: valueSerde.toJson(value) }),
    fromJson(json) {
      if (
        typeof json !== 'object' ||
        json === null ||
        !('at' in json) ||
        !('value' in json) ||
        typeof json.at !== 'number'
      )
        throw new Error(`{ at, value } is needed, not ${describeValue(json)}`)
      return { at: json.at, value: valueSerde.fromJson(json.value) }
    },
  }
}
