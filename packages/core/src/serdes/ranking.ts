import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import type { Ranked } from '../dsl/ranked.ts'
import { describeValue } from './describe-value.ts'

const LENGTH_BYTES = 4

/** Rows in order: of each the length of its key, its key, the length of its value, and its value. Lengths have 4 bytes, big-endian. */
export function ranking<K, V>(keySerde: Serde<K>, valueSerde: Serde<V>): Serde<readonly Ranked<K, V>[]> {
  const name = `ranking(${keySerde.name},${valueSerde.name})`
  return {
    name,
    order: 'none',
    primitive: false,
    encode(rows, out) {
      for (const { key, value } of rows) {
        writePart(keySerde, key, out)
        writePart(valueSerde, value, out)
      }
    },
    decode(bytes, start, end) {
      const rows: Ranked<K, V>[] = []
      for (let at = start; at < end; ) {
        const keyEnd = endOfPart(name, bytes, at, end)
        const valueEnd = endOfPart(name, bytes, keyEnd, end)
        const key = keySerde.decode(bytes, at + LENGTH_BYTES, keyEnd)
        rows.push({ rank: rows.length + 1, key, value: valueSerde.decode(bytes, keyEnd + LENGTH_BYTES, valueEnd) })
        at = valueEnd
      }
      return rows
    },
    toJson: (rows) =>
      rows.map(({ rank, key, value }) => ({ rank, key: keySerde.toJson(key), value: valueSerde.toJson(value) })),
    fromJson(json) {
      if (!Array.isArray(json)) throw new Error(`a list of rows is needed, not ${describeValue(json)}`)
      return json.map((row: unknown, at) => {
        if (!isRankedJson(row) || row.rank !== at + 1) {
          throw new Error(`{ rank: ${at + 1}, key, value } is needed, not ${describeValue(row)}`)
        }
        return { rank: row.rank, key: keySerde.fromJson(row.key), value: valueSerde.fromJson(row.value) }
      })
    },
  }
}

function writePart<T>(serde: Serde<T>, part: T, out: ByteWriter): void {
  out.reserve(LENGTH_BYTES)
  const from = out.position + LENGTH_BYTES
  out.position = from
  serde.encode(part, out)
  out.buffer.writeUInt32BE(out.position - from, from - LENGTH_BYTES)
}

function endOfPart(name: string, bytes: Buffer, at: number, end: number): number {
  const from = at + LENGTH_BYTES
  const to = from > end ? Number.POSITIVE_INFINITY : from + bytes.readUInt32BE(at)
  if (to > end) throw new Error(`the bytes are not a ${name}: a row is cut off`)
  return to
}

function isRankedJson(json: unknown): json is Ranked<unknown, unknown> {
  return typeof json === 'object' && json !== null && 'rank' in json && 'key' in json && 'value' in json
}
