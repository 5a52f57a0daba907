import { badInput } from '../input-error.ts'
import { blocksOfLines, byteAt } from '../lines.ts'

const LINE_FEED = 10

/** The character that a decoder writes for bytes that are invalid in its encoding. */
const REPLACEMENT = '\ufffd'

/** Replaces such bytes in a line. The byte is not valid in UTF-8, so the line becomes a bad row. */
const NOT_UTF8 = Buffer.of(0xff)

/** The longest line of UTF-16: twice as many bytes as in `lines.ts`. */
const UTF16_LINE_BYTES_MAX = 512 * 1024 * 1024

/**
 * Converts text of another encoding to UTF-8. A line that is not of the encoding becomes a line that is not UTF-8. The other
 * lines stay whole.
 */
export function transcoded(
  chunks: AsyncGenerator<Buffer, void>,
  file: string,
  encoding: string,
): AsyncGenerator<Buffer, void> {
  return encoding === 'utf-16le' || encoding === 'utf-16be'
    ? fromUtf16(chunks, file, encoding === 'utf-16be')
    : fromBytes(chunks, file, encoding)
}

/** What is wrong with a line that is not UTF-8: it is not of the stated encoding, or not UTF-8 if none is stated. */
export function notOfEncoding(line: Buffer, encoding: string | undefined): string {
  return encoding === undefined
    ? `is not UTF-8 (${byteAt(line)}). Give its encoding, such as --encoding latin1`
    : `is not ${encoding}. Give the right --encoding`
}

/** Decodes an encoding in which a line feed is one byte that occurs in no other character. */
async function* fromBytes(
  chunks: AsyncGenerator<Buffer, void>,
  file: string,
  encoding: string,
): AsyncGenerator<Buffer, void> {
  const strict = new TextDecoder(encoding, { fatal: true })
  const lenient = new TextDecoder(encoding)
  const decoded = (text: Buffer): Buffer | undefined => {
    try {
      return Buffer.from(strict.decode(text))
    } catch {
      return undefined
    }
  }
  for await (const block of blocksOfLines(chunks, () => `A line of ${file}`)) {
    const whole = decoded(block)
    if (whole !== undefined) {
      yield whole
      continue
    }
    for (let start = 0; start < block.length; ) {
      const found = block.indexOf(LINE_FEED, start)
      const end = found < 0 ? block.length : found
      const line = block.subarray(start, end)
      yield decoded(line) ?? marked(lenient.decode(line))
      if (found >= 0) yield block.subarray(found, found + 1)
      start = end + 1
    }
  }
}

async function* fromUtf16(
  chunks: AsyncGenerator<Buffer, void>,
  file: string,
  bigEndian: boolean,
): AsyncGenerator<Buffer, void> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    // A line feed may be cut in two by the end of the chunk. It is found with the next chunk.
    const end = afterLastLineFeed(chunk, bytes % 2, bigEndian)
    if (end > 0) {
      yield utf8OfUtf16(Buffer.concat([...parts, chunk.subarray(0, end)]), bigEndian)
      parts = []
      bytes = 0
    }
    parts.push(chunk.subarray(end))
    bytes += chunk.length - end
    if (bytes > UTF16_LINE_BYTES_MAX) throw badInput(`A line of ${file} is too long. Check that it has line breaks`)
  }
  if (bytes > 0) yield utf8OfUtf16(Buffer.concat(parts), bigEndian)
}

/** The end of the last line feed in a chunk whose first character begins at `offset`; 0 if the chunk has no line feed. */
function afterLastLineFeed(chunk: Buffer, offset: number, bigEndian: boolean): number {
  const lineFeed = bigEndian ? Buffer.of(0, LINE_FEED) : Buffer.of(LINE_FEED, 0)
  for (let at = chunk.lastIndexOf(lineFeed); at >= 0; at = at === 0 ? -1 : chunk.lastIndexOf(lineFeed, at - 1)) {
    if (at % 2 === offset) return at + 2
  }
  return 0
}

function utf8OfUtf16(given: Buffer, bigEndian: boolean): Buffer {
  const isCut = given.length % 2 === 1
  const even = Buffer.from(isCut ? given.subarray(0, -1) : given)
  if (bigEndian) even.swap16()
  const text = even.toString('utf16le')
  if (!isCut && text.isWellFormed()) return Buffer.from(text)
  const lines = `${text}${isCut ? REPLACEMENT : ''}`.split('\n')
  const last = lines.length - 1
  return Buffer.concat(
    lines.map((line, index) => {
      const isWhole = line.isWellFormed() && !(isCut && index === last)
      const content = isWhole ? Buffer.from(line) : marked(line.toWellFormed())
      return index === last ? content : Buffer.concat([content, Buffer.of(LINE_FEED)])
    }),
  )
}

/** A line as a decoder reads it, with bytes that are not UTF-8 in each place at which the decoder found no character. */
function marked(line: string): Buffer {
  const parts = line
    .split(REPLACEMENT)
    .flatMap((part, index) => (index === 0 ? [] : [NOT_UTF8]).concat(Buffer.from(part)))
  return Buffer.concat(parts.length > 1 ? parts : [...parts, NOT_UTF8])
}
