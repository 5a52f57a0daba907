import type { ByteWriter } from '../bytes/byte-writer.ts'
import { readTime, TIME_BYTES, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

/** A value, and when it was written, by event time, ms. */
export interface TimedValue<V> {
  readonly time: number
  readonly value: V
}

const LENGTH_BYTES = 4

/** Lists of values with times, each as `<time, 8 bytes> <length of the value, 4 bytes> <value>`. */
export function timedList<V>(value: Serde<V>): Serde<readonly TimedValue<V>[]> {
  return {
    name: `list(${value.name})`,
    order: 'none',
    primitive: false,
    encode(list, out) {
      for (const each of list) writeElement(value, each, out)
    },
    decode(bytes, start, end) {
      const list: TimedValue<V>[] = []
      for (let at = start; at < end; ) {
        const from = at + TIME_BYTES + LENGTH_BYTES
        const to = from > end ? from : from + bytes.readUInt32BE(from - LENGTH_BYTES)
        if (to > end) throw new Error('the bytes are not a list: an element is cut off')
        list.push({ time: readTime(bytes, at), value: value.decode(bytes, from, to) })
        at = to
      }
      return list
    },
    toJson: (list) => list.map((each) => ({ time: each.time, value: value.toJson(each.value) })),
    fromJson(json) {
      if (!Array.isArray(json)) throw new Error(`a list is needed, not ${describeValue(json)}`)
      return json.map((each: unknown) => {
        if (!isElement(each)) throw new Error(`{ time, value } is needed, not ${describeValue(each)}`)
        return { time: each.time, value: value.fromJson(each.value) }
      })
    },
  }
}

function writeElement<V>(serde: Serde<V>, { time, value }: TimedValue<V>, out: ByteWriter): void {
  writeTime(out, time)
  out.reserve(LENGTH_BYTES)
  const from = out.position + LENGTH_BYTES
  out.position = from
  serde.encode(value, out)
  out.buffer.writeUInt32BE(out.position - from, from - LENGTH_BYTES)
}

function isElement(json: unknown): json is TimedValue<unknown> {
  return (
    typeof json === 'object' && json !== null && 'value' in json && 'time' in json && Number.isSafeInteger(json.time)
  )
}
