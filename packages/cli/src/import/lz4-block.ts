import { badInput } from '../input-error.ts'

const MATCH_BYTES_MIN = 4
const LENGTH_MORE = 15

/**
 * Decompresses a block of LZ4 to exactly so many bytes. Throws if the block gives more or fewer bytes, or if it reads before
 * the start of its output or after its own end.
 */
export function lz4Block(input: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length)
  let read = 0
  let written = 0
  const next = (): number => {
    const byte = input[read++]
    if (byte === undefined) throw badInput('the page is incomplete')
    return byte
  }
  const more = (start: number): number => {
    let sum = start
    if (start !== LENGTH_MORE) return sum
    for (let byte = 255; byte === 255; sum += byte) byte = next()
    return sum
  }
  while (read < input.length) {
    const token = next()
    const literals = more(token >> 4)
    if (read + literals > input.length || written + literals > length) throw badInput('a literal is too long')
    output.set(input.subarray(read, read + literals), written)
    read += literals
    written += literals
    if (read === input.length) break
    const offset = next() | (next() << 8)
    if (offset === 0 || offset > written) throw badInput(`a match at byte ${written} begins ${offset} bytes before it`)
    const end = written + more(token & LENGTH_MORE) + MATCH_BYTES_MIN
    if (end > length) throw badInput('a match is too long')
    for (; written < end; written++) output[written] = output[written - offset] ?? 0
  }
  if (written !== length) throw badInput(`the page has ${written} bytes, and its header states ${length}`)
  return output
}
