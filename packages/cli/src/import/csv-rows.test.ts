import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DataFolder } from '../testing/data-folder.ts'
import { readRows } from '../testing/read-rows.ts'
import { csvRows } from './csv-rows.ts'

const STRINGS = new Map(['id', 'text'].map((name) => [name, 'string' as const]))

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`

const cell = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', '\r\n', ' ', 'a', '1', '\ufeff'), maxLength: 8 }),
  fc.double().map(String),
  fc.bigInt().map(String),
)

async function parsed(folder: DataFolder, name: string, content: string, columns = STRINGS) {
  const { rows, error } = await readRows(folder.write(name, content), 'id', columns)
  expect(error).toBeUndefined()
  return rows.map((row) => (row.error === undefined ? row.json : row.error.message))
}

test('any cell is the same after an import', async () => {
  using folder = new DataFolder()
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(cell, { minLength: 1 }), fc.constantFrom('\n', '\r\n'), async (cells, lineBreak) => {
      const lines = ['id,text', ...cells.map((text, id) => `${id},${/[",\r\n]/.test(text) ? quoted(text) : text}`)]
      const rows = await parsed(folder, `${round++}.csv`, lines.join(lineBreak) + lineBreak)
      expect(rows).toEqual(cells.map((text, id) => JSON.stringify({ id: `${id}`, text })))
    }),
    { numRuns: 200 },
  )
})

test('any column of numbers keeps its digits, whatever type it gets', async () => {
  using folder = new DataFolder()
  let round = 0
  const number = fc.oneof(
    fc.integer().map(String),
    fc.bigInt().map(String),
    fc.double({ noNaN: true }).map(String),
    fc.constantFrom('007', '1.50', '', '-0.0'),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(number, { minLength: 1 }), async (cells) => {
      const lines = ['id,text', ...cells.map((text, id) => `${id},${text}`)]
      const rows = await parsed(folder, `${round++}.csv`, lines.join('\n'), new Map())
      const found = rows.map((json) => /"text":"?([^"}]*)"?\}$/.exec(json)?.[1])
      expect(found.map((text) => (text === 'null' ? '' : text))).toEqual(cells)
    }),
    { numRuns: 200 },
  )
})

test('rows of several lines and bad rows are found wherever a block of the file ends', async () => {
  using folder = new DataFolder()
  const lines: string[] = []
  const expected: string[] = []
  for (let id = 0; lines.join('').length < 3000; id++) {
    lines.push(`${id},"${'a\n'.repeat(id % 5)}"`)
    expected.push(JSON.stringify({ id: `${id}`, text: 'a\n'.repeat(id % 5) }))
    if (id % 97 === 3) {
      lines.push(`${id},stray"quote`)
      expected.push('bad')
    }
  }
  const rounds = 400
  const content = `id,text\n${Array.from({ length: rounds }, () => lines.join('\n')).join('\n')}\n`
  expect(content.length).toBeGreaterThan(1024 * 1024)
  const rows = await parsed(folder, 'a.csv', content)
  expect(rows.length).toBe(rounds * expected.length)
  for (const [index, row] of rows.entries()) {
    const wanted = expected[index % expected.length]
    if (wanted === 'bad') expect(row).toContain('column 2: a quote is inside a cell')
    else if (row !== wanted) expect(row).toBe(wanted)
  }
})

test('a quote that is never closed is a bad row before it fills the memory, and the next rows are read', async () => {
  async function* chunks() {
    yield Buffer.from('id,text\n0,"open\n')
    for (let megabyte = 0; megabyte < 64; megabyte++) yield Buffer.from(`1,${'x'.repeat(1000)}\n`.repeat(1000))
    throw new Error('all of the file was read')
  }
  const plan = {
    key: 'id',
    timestamp: undefined,
    columns: STRINGS,
    delimiter: undefined,
    encoding: undefined,
    printNote: () => undefined,
  }
  const input = { file: 'a.csv', total: undefined, done: () => 0, chunks }
  for await (const [first, ...others] of csvRows(input, plan, ',').pieces) {
    if (first === undefined) continue
    expect(first.error?.message).toContain('a.csv, line 2, column 2: a quoted cell is not closed')
    expect(others.length).toBeGreaterThan(10_000)
    expect(others.every((row) => row.error === undefined && row.key === '1')).toBe(true)
    return
  }
})
