/** Zig-zag varints as Kafka's records use them, over plain numbers; exact for |value| up to 2^52. */

/** Below this, the 32-bit operators are enough: zig-zag doubles, and the result must stay a positive 31-bit number. */
const SMALL = 2 ** 30

/** The number of bytes that a value takes. */
export function varintBytes(value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  let bytes = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    bytes++
  }
  return bytes
}

/** Reads the value at `at`. `varintEnd` returns where it ends. */
export function readVarint(buffer: Uint8Array, at: number): number {
  let value = 0
  let scale = 1
  let byte: number
  do {
    byte = buffer[at++] ?? 0
    value += (byte & 127) * scale
    scale *= 128
  } while (byte >= 128)
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

/** The position after the varint at `at`. */
export function varintEnd(buffer: Uint8Array, at: number): number {
  while ((buffer[at++] ?? 0) >= 128);
  return at
}

/** Writes a value at `at`; returns the position after it. The caller must have made room. */
export function writeVarint(buffer: Uint8Array, value: number, at: number): number {
  if (value < SMALL && value >= -SMALL) {
    let rest = (value << 1) ^ (value >> 31)
    while (rest >= 128) {
      buffer[at++] = (rest & 127) | 128
      rest >>>= 7
    }
    buffer[at++] = rest
    return at
  }
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  while (rest >= 128) {
    buffer[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  buffer[at++] = rest
  return at
}
