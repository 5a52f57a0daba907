import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { parse } from 'csv-parse'
import { badInput, unreadableFile } from '../input-error.ts'
import type { ImportedRow, RowSource } from './row-source.ts'

const PIECE_ROWS = 5000

/** Reads a CSV file whose first line names the columns. What reads as a number is one; all else is text. */
export async function csvRows(path: string, rowsMax: number): Promise<RowSource> {
  const { size } = await stat(path).catch((cause) => {
    throw unreadableFile(path, cause)
  })
  const stream = createReadStream(path, { highWaterMark: 1024 * 1024 })
  const to = Number.isFinite(rowsMax) ? rowsMax : -1
  const parser = stream.pipe(parse({ columns: true, bom: true, cast: numberOrText, to }))
  let unreadable: Error | undefined
  stream.on('error', (error) => {
    unreadable = error
    parser.destroy(error)
  })
  // It may come before anybody reads rows: whoever does gets it then.
  parser.on('error', () => undefined)
  async function* pieces(): AsyncGenerator<readonly ImportedRow[], void> {
    let piece: ImportedRow[] = []
    try {
      for await (const row of parser) {
        piece.push(row)
        if (piece.length < PIECE_ROWS) continue
        yield piece
        piece = []
      }
    } catch (cause) {
      if (unreadable !== undefined) throw unreadableFile(path, unreadable)
      throw badInput(`${path} is no CSV: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
    } finally {
      stream.destroy()
    }
    yield piece
  }
  return { total: size, unit: 'bytes', done: () => stream.bytesRead, dates: new Set(), pieces: pieces() }
}

/** Only what a number would be printed as again is one: `007` and `1e5` stay text. */
function numberOrText(text: string): string | number {
  const number = Number(text)
  return text !== '' && String(number) === text && Number.isFinite(number) ? number : text
}
