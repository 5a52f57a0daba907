import type { Serde } from '@millrace/core'

export const text: Serde<string> = {
  name: 'string',
  order: 'bytes',
  primitive: true,
  encode: (value, out) => out.utf8(value),
  decode: (bytes, start, end) => bytes.utf8Slice(start, end),
  toJson: (value) => value,
  fromJson: (json) => String(json),
}

export const json: Serde<unknown> = {
  name: 'json',
  order: 'none',
  primitive: false,
  encode: (value, out) => out.utf8(JSON.stringify(value)),
  decode: (bytes, start, end) => JSON.parse(bytes.utf8Slice(start, end)),
  toJson: (value) => value,
  fromJson: (value) => value,
}

export const rawBytes: Serde<Buffer> = {
  name: 'bytes',
  order: 'bytes',
  primitive: false,
  encode: (value, out) => out.bytes(value),
  decode: (bytes, start, end) => Buffer.from(bytes.subarray(start, end)),
  toJson: (value) => value.toString('base64'),
  fromJson: (value) => Buffer.from(String(value), 'base64'),
}

export const int32: Serde<number> = {
  name: 'int32',
  order: 'signed',
  primitive: true,
  encode(value, out) {
    out.reserve(4)
    out.position = out.buffer.writeInt32BE(value, out.position)
  },
  decode: (bytes, start) => bytes.readInt32BE(start),
  toJson: (value) => value,
  fromJson: (value) => Number(value),
}

export const float64: Serde<number> = {
  name: 'float64',
  order: 'float',
  primitive: true,
  encode(value, out) {
    out.reserve(8)
    out.position = out.buffer.writeDoubleBE(value, out.position)
  },
  decode: (bytes, start) => bytes.readDoubleBE(start),
  toJson: (value) => value,
  fromJson: (value) => Number(value),
}
