import type { ByteWriter, Serde } from '@millrace/core'

/** A range of bytes to be written unchanged. */
export interface RawBytes {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** Writes bytes unchanged from another place, without a copy in between; only ever writes. */
export const rawBytes: Serde<RawBytes> = {
  name: 'raw',
  order: 'bytes',
  primitive: false,
  encode(value: RawBytes, out: ByteWriter): void {
    out.bytes(value.bytes, value.start, value.end)
  },
  decode: refuse,
  toJson: refuse,
  fromJson: refuse,
}

function refuse(): never {
  throw new Error('Raw bytes are only written')
}
