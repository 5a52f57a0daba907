import { isUtf8 } from 'node:buffer'
import { badInput } from './input-error.ts'

/** The longest line that is read. A file without line breaks must not fill the memory. */
const LINE_BYTES_MAX = 256 * 1024 * 1024

const LINE_FEED = 10
const RETURN = 13
const BYTE_ORDER_MARK = '\ufeff'

/**
 * Cuts a stream into blocks of whole lines, one chunk of input at a time. A caller that flushes after each block keeps no
 * reader waiting. Each byte is read once, however long the lines are. `where` names the line after those that were returned
 * so far. Throws `BAD_INPUT` for a line longer than `LINE_BYTES_MAX`.
 */
export async function* blocksOfLines(
  stream: AsyncIterable<Buffer | string>,
  where: () => string,
): AsyncGenerator<Buffer, void> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    const buffer: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)
    const end = buffer.lastIndexOf(LINE_FEED) + 1
    if (end > 0) {
      parts.push(buffer.subarray(0, end))
      yield parts.length === 1 ? buffer.subarray(0, end) : Buffer.concat(parts)
      parts = []
      bytes = 0
    }
    if (end === buffer.length) continue
    parts.push(buffer.subarray(end))
    bytes += buffer.length - end
    if (bytes > LINE_BYTES_MAX) {
      throw badInput(`${where()} is longer than the maximum of ${LINE_BYTES_MAX} bytes. Check that it has line breaks`)
    }
  }
  if (bytes > 0) yield Buffer.concat(parts)
}

/** The lines of a block as bytes, without their line breaks (`\n` or `\r\n`). */
export function byteLines(block: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  while (start < block.length) {
    const found = block.indexOf(LINE_FEED, start)
    const end = found < 0 ? block.length : found
    lines.push(block.subarray(start, end > start && block[end - 1] === RETURN ? end - 1 : end))
    start = end + 1
  }
  return lines
}

/** The lines of a block as text, without their line breaks. A line that is not UTF-8 stays bytes. */
export function textLines(block: Buffer): (string | Buffer)[] {
  if (!isUtf8(block)) return byteLines(block).map((line) => (isUtf8(line) ? line.toString() : line))
  const lines = block.toString().split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
}

/** The text of a line that must be UTF-8. `first`: a byte order mark, which programs put before a file's text, is left out. */
export function textOf(line: string | Buffer, first: boolean, where: string): string {
  if (typeof line !== 'string') {
    throw badInput(`${where} is not UTF-8 (${byteAt(line)}). Convert the file to UTF-8`)
  }
  return first && line.startsWith(BYTE_ORDER_MARK) ? line.slice(1) : line
}

/** Names the first byte that is not UTF-8. In the decoded text, the replacement character stands at its place. */
export function byteAt(line: Buffer): string {
  const decoded = Buffer.from(line.toString())
  const index = line.findIndex((byte, at) => byte !== decoded[at])
  return `byte ${index + 1} is 0x${line.toString('hex', index, index + 1)}`
}
