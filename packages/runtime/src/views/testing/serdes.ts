import type { Serde } from '@millrace/core'

export function string(): Serde<string> {
  return {
    name: 'string',
    order: 'bytes',
    primitive: true,
    encode: (value, out) => out.utf8(value),
    decode: (bytes, start, end) => bytes.utf8Slice(start, end),
    toJson: (value) => value,
    fromJson: (json) => {
      if (typeof json !== 'string') throw new Error('not a string')
      return json
    },
  }
}

export function int32(): Serde<number> {
  return {
    name: 'int32',
    order: 'signed',
    primitive: true,
    encode: (value, out) => {
      out.reserve(4)
      out.position = out.buffer.writeInt32BE(value, out.position)
    },
    decode: (bytes, start) => bytes.readInt32BE(start),
    toJson: (value) => value,
    fromJson: (json) => {
      if (!Number.isInteger(json)) throw new Error('not an integer')
      return Number(json)
    },
  }
}

export function json(): Serde<unknown> {
  return {
    name: 'json',
    order: 'none',
    primitive: false,
    encode: (value, out) => out.utf8(JSON.stringify(value)),
    decode: (bytes, start, end) => JSON.parse(bytes.utf8Slice(start, end)),
    toJson: (value) => value,
    fromJson: (value) => value,
  }
}
