import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DataFolder } from '../testing/data-folder.ts'
import { readWithDuckDb, whyNoDuckDb } from '../testing/duckdb.ts'
import { firstColumn, readRows } from '../testing/read-rows.ts'

/** How many damaged files of each kind are read; `npm run fuzz-imports` sets more. */
const COUNT = Number(process.env['MILLRACE_FUZZED_IMPORTS'] ?? 100)
const SEED = Number(process.env['MILLRACE_SEED'] ?? 1)
const TIMEOUT_MS = 60_000 + COUNT * 200

const FILES = fileURLToPath(new URL('../testing/parquet/', import.meta.url))
const PARQUET = readdirSync(FILES).filter((name) => name.endsWith('.parquet') && name !== 'parquet-1481.parquet')

/** One kind of damage to a file. The places are parts of its length. */
interface Damage {
  readonly kind: 'flip' | 'cut' | 'insert' | 'remove' | 'repeat'
  readonly at: number
  readonly byte: number
  readonly length: number
}

const damage: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('flip', 'flip', 'flip', 'cut', 'insert', 'remove', 'repeat'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  byte: fc.integer({ min: 1, max: 255 }),
  length: fc.integer({ min: 1, max: 20 }),
})

function damaged(bytes: Buffer, { kind, at, byte, length }: Damage): Buffer {
  const place = Math.floor(at * bytes.length)
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)]
  if (kind === 'cut') return Buffer.from(before)
  if (kind === 'insert') return Buffer.concat([before, Buffer.alloc(1, byte), after])
  if (kind === 'remove') return Buffer.concat([before, after.subarray(length)])
  if (kind === 'repeat') return Buffer.concat([before, after.subarray(0, length), after])
  const flipped = Buffer.from(bytes)
  if (place < flipped.length) flipped[place] = (flipped[place] ?? 0) ^ byte
  return flipped
}

const damages = fc.array(damage, { minLength: 1, maxLength: 3 })

test('damaged parquet files never crash an import, and give no other values than DuckDB reads', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new DataFolder()
  const files = fc.sample(fc.tuple(fc.constantFrom(...PARQUET), damages), { numRuns: COUNT, seed: SEED })
  const readable = new Map<string, readonly unknown[]>()
  for (const [index, [name, all]] of files.entries()) {
    const original = join(FILES, name)
    const path = folder.write(`${index}-${name}`, all.reduce(damaged, readFileSync(original)))
    const { rows, error } = await readRows(path, await firstColumn(original))
    const whole = error === undefined && rows.every((row) => row.error === undefined)
    if (whole)
      readable.set(
        path,
        rows.map((row) => (row.error === undefined ? JSON.parse(row.json) : undefined)),
      )
  }
  await compareWithDuckDb(readable)
})

/** If an import reads a file to its end, and DuckDB reads the file at all, both must read the same. */
async function compareWithDuckDb(readable: ReadonlyMap<string, readonly unknown[]>): Promise<void> {
  if (whyNoDuckDb() !== undefined) return
  let compared = 0
  for (const { path, rows } of await readWithDuckDb([...readable.keys()])) {
    if (rows === undefined) continue
    compared++
    expect(path.endsWith('.csv') ? readable.get(path)?.map(withoutEmpty) : readable.get(path), path).toEqual(
      path.endsWith('.csv') ? rows.map(withoutEmpty) : rows,
    )
  }
  expect(compared).toBeGreaterThan(COUNT / 20)
}

/** DuckDB reads an empty cell as a missing value. */
function withoutEmpty(row: unknown): unknown {
  return Object.fromEntries(Object.entries(Object(row)).map(([name, value]) => [name, value ?? '']))
}

const LINES = Buffer.from(
  Array.from({ length: 30 }, (_, id) => `{"id":${id},"text":"a \\"b\\" é","number":${id}.50}\n`).join(''),
)
const HEADER = Buffer.from('id,text,number\n')
const CSV = Buffer.from(
  `${Array.from({ length: 30 }, (_, id) => (id % 3 === 0 ? `${id},"a ""b"",\né",1.50\n` : `${id},text é,${id}.50\n`)).join('')}`,
)

test('damaged lines of JSON are imported as they stand, or refused by their number', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new DataFolder()
  for (const [index, all] of fc.sample(damages, { numRuns: COUNT, seed: SEED }).entries()) {
    const bytes = all.reduce(damaged, LINES)
    const { rows, error } = await readRows(folder.write(`${index}.ndjson`, bytes), 'id')
    const lines = bytes.toString('latin1').split('\n')
    // Its first bytes may now be those of a compressed file, or of another kind of file.
    if (error !== undefined) {
      expect(rows).toEqual([])
      continue
    }
    for (const row of rows) {
      const line = Buffer.from(lines[row.line - 1] ?? '', 'latin1')
      if (row.error === undefined)
        expect(Buffer.from(row.json)).toEqual(line.at(-1) === 13 ? line.subarray(0, -1) : line)
      else expect(row.error.message).toContain(`line ${row.line}`)
    }
    expect(rows.length).toBe(lines.filter((line) => line !== '' && line !== '\r').length)
  }
})

test('damaged CSV files have rows that are whole, or are refused by line', { timeout: TIMEOUT_MS }, async () => {
  using folder = new DataFolder()
  const columns = new Map(['id', 'text', 'number'].map((name) => [name, 'string' as const]))
  const readable = new Map<string, readonly unknown[]>()
  for (const [index, all] of fc.sample(damages, { numRuns: COUNT, seed: SEED }).entries()) {
    const path = folder.write(`${index}.csv`, Buffer.concat([HEADER, all.reduce(damaged, CSV)]))
    const { rows, error } = await readRows(path, 'id', columns)
    for (const row of rows) {
      if (row.error !== undefined) expect(row.error.message).toContain(`line ${row.line}`)
      else expect(Object.keys(JSON.parse(row.json))).toEqual(['id', 'text', 'number'])
    }
    if (error === undefined && rows.every((row) => row.error === undefined)) {
      readable.set(
        path,
        rows.map((row) => (row.error === undefined ? JSON.parse(row.json) : undefined)),
      )
    }
  }
  await compareWithDuckDb(readable)
})

test('damaged compressed files end in a refusal, after rows that stand in the file', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new DataFolder()
  const whole = LINES.toString().split('\n')
  for (const [index, all] of fc.sample(damages, { numRuns: COUNT, seed: SEED }).entries()) {
    const bytes = all.reduce(damaged, index % 2 === 0 ? gzipSync(LINES) : zstdCompressSync(LINES))
    const { rows, error } = await readRows(folder.write(`${index}.ndjson.gz`, bytes), 'id')
    if (error !== undefined) expect(error.code).toBe('BAD_INPUT')
    for (const row of rows) if (row.error === undefined) expect(whole).toContain(row.json)
  }
})
