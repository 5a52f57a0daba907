import { readTime, TIME_BYTES, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

/**
 * What a change does with a left row at a right key, in a join by another key.
 *
 * - `stays`: the row is there for the first time, or still.
 * - `comes`: it referred to another right key before.
 * - `leaves`: it refers to another one now.
 * - `ends`: it refers to nothing any more, or is gone.
 */
export type Move = (typeof MOVES)[number]

const MOVES = ['stays', 'comes', 'leaves', 'ends'] as const

/** A left row, or what it is joined to, as of a numbered change of it; null if there is nothing. */
export interface Versioned<T> {
  readonly version: number
  readonly move: Move
  readonly value: T | null
}

/** 8 bytes for the number; a byte that has the move, and, in its lowest bit, whether there is a value; the bytes of the value. */
export function versioned<T>(valueSerde: Serde<T>): Serde<Versioned<T>> {
  const name = `versioned(${valueSerde.name})`
  return {
    name,
    order: 'none',
    primitive: false,
    encode({ version, move, value }, out) {
      writeTime(out, version)
      out.reserve(1)
      out.buffer[out.position++] = MOVES.indexOf(move) * 2 + (value === null ? 0 : 1)
      if (value !== null) valueSerde.encode(value, out)
    },
    normalize(row) {
      const { value } = row
      const normal = value === null ? null : (valueSerde.normalize?.(value) ?? value)
      return normal === value ? row : { ...row, value: normal }
    },
    decode(bytes, start, end) {
      const valueStart = start + TIME_BYTES + 1
      const head = valueStart > end ? -1 : (bytes[valueStart - 1] ?? -1)
      const move = MOVES[head >> 1]
      if (move === undefined) throw new Error(`the bytes are not a ${name}`)
      const value = head % 2 === 0 ? null : valueSerde.decode(bytes, valueStart, end)
      return { version: readTime(bytes, start), move, value }
    },
    toJson: ({ version, move, value }) => ({ version, move, value: value === null ? null : valueSerde.toJson(value) }),
    fromJson(json) {
      if (!isVersionedJson(json)) throw new Error(`{ version, move, value } is needed, not ${describeValue(json)}`)
      const { version, move, value } = json
      return { version, move, value: value === null ? null : valueSerde.fromJson(value) }
    },
  }
}

function isVersionedJson(json: unknown): json is Versioned<unknown> {
  if (typeof json !== 'object' || json === null || !('version' in json && 'move' in json && 'value' in json))
    return false
  return typeof json.version === 'number' && MOVES.some((move) => move === json.move)
}
