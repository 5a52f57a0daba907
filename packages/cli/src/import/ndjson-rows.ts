import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { RefusedError } from '@millrace/core'
import { badInput, unreadableFile } from '../input-error.ts'
import { blocksOfLines, textLines, textOf } from '../lines.ts'
import type { ImportedRow, RowSource } from './row-source.ts'

/** Reads a file of JSON objects, one a line. */
export async function ndjsonRows(path: string, rowsMax: number): Promise<RowSource> {
  const { size } = await stat(path).catch((cause) => {
    throw unreadableFile(path, cause)
  })
  const stream = createReadStream(path, { highWaterMark: 1024 * 1024 })
  let line = 0
  let rows = 0
  async function* pieces(): AsyncGenerator<readonly ImportedRow[], void> {
    for await (const lines of readable(
      blocksOfLines(stream, () => `${path}, line ${line + 1}`),
      path,
    )) {
      const piece: ImportedRow[] = []
      for (const given of textLines(lines)) {
        line++
        const text = textOf(given, line === 1, `${path}, line ${line}`)
        if (text === '' || rows >= rowsMax) continue
        rows++
        piece.push(rowOf(text, path, line))
      }
      yield piece
      if (rows >= rowsMax) return
    }
  }
  return { total: size, unit: 'bytes', done: () => stream.bytesRead, dates: new Set(), pieces: pieces() }
}

/** The lines as they come; an error of the disk says which file it was. */
async function* readable(lines: AsyncGenerator<Buffer, void>, path: string): AsyncGenerator<Buffer, void> {
  try {
    yield* lines
  } catch (cause) {
    if (cause instanceof RefusedError) throw cause
    throw unreadableFile(path, cause)
  }
}

function rowOf(text: string, path: string, line: number): ImportedRow {
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { ...json }
  } catch (cause) {
    throw badInput(`${path}, line ${line}, is no JSON`, cause)
  }
  throw badInput(`${path}, line ${line}, is no JSON object`)
}
