import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { DataFolder } from '../testing/data-folder.ts'
import { readWithDuckDb, whyNoDuckDb } from '../testing/duckdb.ts'
import { firstColumn, readRows } from '../testing/read-rows.ts'

const FILES = fileURLToPath(new URL('../testing/parquet/', import.meta.url))

/** Files that one of the two readers rejects, with the text of the error. */
const REFUSED: Readonly<Record<string, { readonly own?: string; readonly theirs?: string }>> = {
  'arrow-rs-gh-6229-levels.parquet': { own: 'is damaged' },
  'map-no-value.parquet': { theirs: 'requires two children' },
  'map-with-a-key-twice.parquet': { own: 'has the key "k" twice' },
  'parquet-1481.parquet': { own: 'is not a parquet file', theirs: 'Invalid' },
  'text-that-is-not-utf-8.parquet': { own: 'text that is not UTF-8', theirs: 'Invalid string encoding' },
}

beforeEach((context) => {
  const missing = whyNoDuckDb()
  if (missing === undefined) return
  if (process.env['CI'] !== undefined) throw new Error(`CI must have an independent reader: ${missing}`)
  context.skip(missing)
})

const paths = readdirSync(FILES)
  .filter((name) => name.endsWith('.parquet'))
  .map((name) => join(FILES, name))

test('parquet files of many writers have the values that DuckDB reads', { timeout: 60_000 }, async () => {
  for (const { path, rows: theirs, error: theirError } of await readWithDuckDb(paths)) {
    const name = basename(path)
    const refused = REFUSED[name]
    const key = refused?.own === 'is not a parquet file' ? '' : await firstColumn(path)
    const { rows, error } = await readRows(path, key)
    const ownError = error ?? rows.find((row) => row.error !== undefined)?.error
    expect.soft(theirError ?? '', name).toMatch(refused?.theirs ?? /^$/)
    expect.soft(ownError?.message ?? '', name).toMatch(refused?.own ?? /^$/)
    if (refused !== undefined) continue
    const own = rows.map((row) => (row.error === undefined ? JSON.parse(row.json) : row.error))
    expect.soft(own, name).toEqual(theirs)
  }
})

test('CSV files have the cells that DuckDB reads', { timeout: 60_000 }, async () => {
  using folder = new DataFolder()
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', 'é', '1', '0', '.', '#'), maxLength: 6 })
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  const written = fc
    .tuple(cell, fc.boolean())
    .map(([text, always]) => (always || /[",\n]/.test(text) ? quoted(text) : text))
  const row = fc.tuple(fc.integer({ min: 1 }).map(String), written, written).map((cells) => cells.join(','))
  const files = fc.sample(fc.array(row, { minLength: 1, maxLength: 30 }), { numRuns: 40, seed: 1 })
  const csv = files.map((rows, index) => folder.write(`${index}.csv`, `id,text,number\n${rows.join('\n')}\n`))
  const columns = new Map(['id', 'text', 'number'].map((name) => [name, 'string' as const]))
  for (const { path, rows: theirs = [], error } of await readWithDuckDb(csv)) {
    const { rows } = await readRows(path, 'id', columns)
    const own = rows.map((each) => (each.error === undefined ? JSON.parse(each.json) : each.error.message))
    expect(error).toBeUndefined()
    // DuckDB reads an empty cell as a missing value.
    expect(own).toEqual(
      theirs.map((each) =>
        Object.fromEntries(Object.entries(Object(each)).map(([name, value]) => [name, value ?? ''])),
      ),
    )
  }
})
