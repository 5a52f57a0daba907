import { isUtf8 } from 'node:buffer'
import { CsvError, parse } from 'csv-parse/sync'
import { CSV_ROW_BYTES_MAX, type CsvBlock, hasOddQuotes } from './csv-blocks.ts'
import { notOfEncoding } from './text-encoding.ts'

/** A row of a CSV file as text by column, or the reason why it cannot be read. */
export interface CsvRecord {
  /** The line that it begins in. */
  readonly line: number
  readonly raw: Buffer
  readonly cells: readonly string[]
  /** What is wrong, with the column that it is in; the row has no cells then. */
  readonly problem?: string
}

/** Lines of a block that hold one row. */
interface Span {
  readonly from: number
  readonly to: number
}

const LINE_FEED = 10
const RETURN = 13
const QUOTE = 34
const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/** The problems with quotes that csv-parse finds, by its code. */
const PROBLEMS: Readonly<Record<string, string>> = {
  INVALID_OPENING_QUOTE: 'a quote is inside a cell that is not quoted',
  CSV_INVALID_CLOSING_QUOTE: 'text follows the closing quote of a cell',
  CSV_QUOTE_NOT_CLOSED: 'a quoted cell is not closed',
}
/** Some readers end a row at these characters, others do not. */
const LONE_RETURN =
  ': a carriage return is in a cell that is not quoted, or ends a line alone. End lines with \\n or \\r\\n'
const QUOTE_REMEDY = 'Quote the whole cell and double the quotes in it'

/**
 * Reads the rows of a block, in order, and counts the lines that they used: fewer than all if the last row continues after
 * the block. A bad row does not spoil the next line. Blank lines are skipped. Lines without quotes are cut at the
 * delimiters. Only the others need a parser, which gets them all at once if nothing is wrong with them. `encoding` is the
 * stated one, for messages.
 */
export function csvRecords(
  block: CsvBlock,
  delimiter: string,
  encoding?: string,
): { readonly records: readonly CsvRecord[]; readonly used: number } {
  return new BlockReader(block, delimiter, encoding).read()
}

class BlockReader {
  readonly #lines: readonly Buffer[]
  readonly #firstLine: number
  readonly #last: boolean
  readonly #delimiter: string
  readonly #encoding: string | undefined

  constructor({ lines, firstLine, last }: CsvBlock, delimiter: string, encoding: string | undefined) {
    this.#lines = firstLine === 1 ? lines.map((line, index) => (index === 0 ? withoutMark(line) : line)) : lines
    this.#firstLine = firstLine
    this.#last = last
    this.#delimiter = delimiter
    this.#encoding = encoding
  }

  read(): { readonly records: readonly CsvRecord[]; readonly used: number } {
    const { spans, used } = this.#spans()
    if (used < this.#lines.length && this.#isTooLong(used)) return this.#aFewAtOnce()
    const parsed = this.#parse(spans.filter((span) => this.#isQuoted(span)))
    return Array.isArray(parsed) ? { records: this.#recordsOf(spans, parsed), used } : this.#aFewAtOnce()
  }

  /** The rows, by counting quotes, up to a row that continues after the block. */
  #spans(): { readonly spans: Span[]; readonly used: number } {
    const spans: Span[] = []
    for (let from = 0; from < this.#lines.length; ) {
      const to = this.#endOf(from)
      if (to === undefined) return { spans, used: from }
      if (!this.#isBlank(from)) spans.push({ from, to })
      from = to
    }
    return { spans, used: this.#lines.length }
  }

  /**
   * As `read`, for a block with bad rows. A few rows are parsed at once: twice as many after each success, half as many
   * after a failure, down to the single row that is bad. Then reading continues after the first line of the bad row.
   */
  #aFewAtOnce(): { readonly records: readonly CsvRecord[]; readonly used: number } {
    const records: CsvRecord[] = []
    let size = 1
    for (let from = 0; from < this.#lines.length; ) {
      const { spans, next } = this.#batch(from, size)
      if (spans.length === 0) {
        const problem = next < this.#lines.length ? this.#unfinished(next) : undefined
        if (problem === undefined) return { records, used: next }
        records.push(this.#bad({ from: next, to: next + 1 }, problem))
        from = next + 1
        continue
      }
      const quoted = spans.filter((span) => this.#isQuoted(span))
      const parsed = this.#parse(quoted)
      if (Array.isArray(parsed)) {
        for (const record of this.#recordsOf(spans, parsed)) records.push(record)
        from = next
        size *= 2
      } else if (quoted.length > 1) {
        size = Math.max(1, Math.floor(quoted.length / 2))
      } else {
        // The bad row is the last of them: the others have no quotes.
        const bad = { from: spans.at(-1)?.from ?? from, to: (spans.at(-1)?.from ?? from) + 1 }
        for (const record of this.#recordsOf(spans.slice(0, -1), [])) records.push(record)
        records.push(this.#bad(bad, parsed.problem))
        from = bad.to
        size = 1
      }
    }
    return { records, used: this.#lines.length }
  }

  /**
   * The next rows, and the line after them. Ends after so many rows with quotes, or before a row that continues after the
   * block.
   */
  #batch(from: number, quotedMax: number): { readonly spans: readonly Span[]; readonly next: number } {
    const spans: Span[] = []
    let next = from
    for (let quoted = 0; next < this.#lines.length && quoted < quotedMax; ) {
      const to = this.#endOf(next)
      if (to === undefined) break
      const span = { from: next, to }
      if (!this.#isBlank(next)) spans.push(span)
      if (this.#isQuoted(span)) quoted++
      next = to
    }
    return { spans, next }
  }

  /** What is wrong with a row that continues after the block; undefined if it may still end. */
  #unfinished(from: number): string | undefined {
    const parsed = this.#parse([{ from, to: from + 1 }])
    if (Array.isArray(parsed)) return undefined
    return parsed.code !== 'CSV_QUOTE_NOT_CLOSED' || this.#isTooLong(from) ? parsed.problem : undefined
  }

  #recordsOf(spans: readonly Span[], parsed: readonly (readonly string[])[]): CsvRecord[] {
    let next = 0
    return spans.map((span) => {
      const cells = this.#isQuoted(span) ? (parsed[next++] ?? []) : this.#cut(span)
      return this.#checked(span) ?? this.#record(span, cells)
    })
  }

  /** The line after the row that begins at this line; undefined if the row continues after the block. */
  #endOf(from: number): number | undefined {
    let open = false
    for (let at = from; at < this.#lines.length; at++) {
      if (hasOddQuotes(this.#line(at))) open = !open
      if (!open) return at + 1
    }
    return this.#last ? this.#lines.length : undefined
  }

  #isTooLong(from: number): boolean {
    let bytes = 0
    for (let at = from; at < this.#lines.length; at++) bytes += this.#line(at).length
    return bytes > CSV_ROW_BYTES_MAX
  }

  /** One row for each span, or what is wrong with one of them. */
  #parse(spans: readonly Span[]): string[][] | { readonly code: string; readonly problem: string } {
    if (spans.length === 0) return []
    try {
      const rows: string[][] = parse(Buffer.concat(spans.map((span) => this.#raw(span))), {
        columns: false,
        delimiter: this.#delimiter,
        record_delimiter: ['\r\n', '\n', '\r'],
        relax_column_count: true,
      })
      if (rows.length === spans.length) return rows
      return { code: '', problem: LONE_RETURN }
    } catch (error) {
      if (!(error instanceof CsvError)) throw error
      const column = typeof error['column'] === 'number' ? `, column ${error['column'] + 1}` : ''
      return { code: error.code, problem: `${column}: ${PROBLEMS[error.code] ?? error.message}. ${QUOTE_REMEDY}` }
    }
  }

  #cut({ from }: Span): string[] {
    return this.#line(from)
      .toString()
      .replace(/\r?\n$/, '')
      .split(this.#delimiter)
  }

  #checked(span: Span): CsvRecord | undefined {
    const raw = this.#raw(span)
    if (!this.#isQuoted(span) && withoutBreak(raw).includes(RETURN)) return this.#bad(span, LONE_RETURN)
    if (isUtf8(raw)) return undefined
    return this.#bad(span, ` ${notOfEncoding(raw, this.#encoding)}`)
  }

  #bad(span: Span, problem: string): CsvRecord {
    return { line: this.#firstLine + span.from, raw: withoutBreak(this.#raw(span)), cells: [], problem }
  }

  #record(span: Span, cells: readonly string[]): CsvRecord {
    return { line: this.#firstLine + span.from, raw: withoutBreak(this.#raw(span)), cells }
  }

  #isQuoted({ from, to }: Span): boolean {
    return to - from > 1 || this.#line(from).includes(QUOTE)
  }

  #isBlank(at: number): boolean {
    const line = this.#line(at)
    return line.length <= 2 && withoutBreak(line).length === 0
  }

  #raw({ from, to }: Span): Buffer {
    return to - from === 1 ? this.#line(from) : Buffer.concat(this.#lines.slice(from, to))
  }

  #line(at: number): Buffer {
    return this.#lines[at] ?? Buffer.alloc(0)
  }
}

function withoutMark(line: Buffer): Buffer {
  return line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? line.subarray(BYTE_ORDER_MARK.length) : line
}

function withoutBreak(line: Buffer): Buffer {
  const end = line.at(-1) === LINE_FEED ? line.length - 1 : line.length
  return line.subarray(0, line[end - 1] === RETURN ? end - 1 : end)
}
