const SIGN = 0x80000000

/** What a key by two times ends with: its own end, and the times, as in Millrace's state. */
export function timesOf(first: number, second: number): Buffer {
  const times = Buffer.alloc(18)
  times[1] = 1
  writeTime(times, first, 2)
  writeTime(times, second, 10)
  return times
}

/** Ordered as bytes: big-endian, sign flipped. */
function writeTime(bytes: Buffer, time: number, at: number): void {
  bytes.writeUInt32BE((Math.floor(time / 2 ** 32) + SIGN) % 2 ** 32, at)
  bytes.writeUInt32BE(time % 2 ** 32, at + 4)
}
