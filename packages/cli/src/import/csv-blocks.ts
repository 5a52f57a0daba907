import { blocksOfLines } from '../lines.ts'

/**
 * Rows are parsed in blocks of about this many bytes, of whole lines. The first block is also the sample that decides the
 * columns' types. The cut depends on the lines alone, so that the decision is the same when a file is read again.
 */
const SAMPLE_BYTES = 1024 * 1024

/** The longest row. Without this limit, a quote that is never closed would make one row of the rest of the file. */
export const CSV_ROW_BYTES_MAX = 16 * 1024 * 1024

const LINE_FEED = 10
const QUOTE = 34

/** Lines, each with its line break, and the number of the first. */
export interface CsvBlock {
  readonly lines: readonly Buffer[]
  readonly firstLine: number
  /** Whether this is the last block. */
  readonly last: boolean
}

/**
 * Cuts text into blocks that end where a row ends, as far as counting quotes shows. If the last row of a block is
 * unfinished, the reader returns how many lines it has used. The other lines begin the next block.
 */
export async function* csvBlocks(
  chunks: AsyncIterable<Buffer>,
  where: (line: number) => string,
): AsyncGenerator<CsvBlock, void, number> {
  let lines: Buffer[] = []
  let firstLine = 1
  let bytes = 0
  let open = false
  const add = (line: Buffer) => {
    lines.push(line)
    bytes += line.length
    if (hasOddQuotes(line)) open = !open
  }
  const keep = (used: number) => {
    firstLine += used
    const rest = lines.slice(used)
    lines = []
    bytes = 0
    open = false
    for (const line of rest) add(line)
  }
  for await (const region of blocksOfLines(chunks, () => where(firstLine + lines.length))) {
    for (const line of wholeLines(region)) {
      add(line)
      if (bytes < SAMPLE_BYTES || (open && bytes < SAMPLE_BYTES + CSV_ROW_BYTES_MAX)) continue
      keep(yield { lines, firstLine, last: false })
    }
  }
  while (lines.length > 0) keep(yield { lines, firstLine, last: true })
}

/** The lines of a block with their line breaks. */
function* wholeLines(block: Buffer): Generator<Buffer, void> {
  for (let start = 0; start < block.length; ) {
    const found = block.indexOf(LINE_FEED, start)
    const end = found < 0 ? block.length : found + 1
    yield block.subarray(start, end)
    start = end
  }
}

/** Whether a line opens a quoted cell that it does not close, or closes one. */
export function hasOddQuotes(line: Buffer): boolean {
  let odd = false
  for (let at = line.indexOf(QUOTE); at >= 0; at = line.indexOf(QUOTE, at + 1)) odd = !odd
  return odd
}
