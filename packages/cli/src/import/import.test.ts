import { tmpdir } from 'node:os'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { DataFolder } from '../testing/data-folder.ts'

const BY_ID = ['--key', 'id', '--event-time', '2001-01-31']

async function imported(name: string, content: string | Uint8Array, options: readonly string[] = BY_ID) {
  using folder = new DataFolder()
  const file = folder.write(name, content)
  const { code, stdout, stderr } = await folder.run(['topics', 'import', 'a', file, ...options])
  if (code !== 0) return { code, output: `${stdout}${stderr}`, values: [], keys: [] }
  return { code, output: `${stdout}${stderr}`, values: await folder.values('a'), keys: await folder.keys('a') }
}

describe('lines of JSON', () => {
  test('keep their text, and keys their digits', async () => {
    const lines = [
      '{"id":9007199254740993,"amount":1.0}',
      '{"id":9007199254740992, "amount" : 10.50 }',
      '{"amount":1e400,"id":{"a":[1.0]}}',
      '{"id":"x","id":"y"}',
    ]
    const { values, keys } = await imported('a.ndjson', `\ufeff${lines.join('\n')}\n\n`)
    expect(values).toEqual(lines)
    expect(keys).toEqual(['9007199254740993', '9007199254740992', '{"a":[1.0]}', 'y'])
  })

  test('with numbers that JavaScript rounds are imported with all digits, and the import reports them', async () => {
    const { output } = await imported(
      'a.ndjson',
      '{"id":1,"n":0.1}\n{"id":2,"n":9007199254740993}\n{"id":3,"n":1e999}\n',
    )
    expect(output).toContain(
      'a.ndjson: 2 rows have numbers that JavaScript rounds (first line 2: n is 9007199254740993)',
    )
    expect((await imported('a.ndjson', '{"id":1,"n":0.30000000000000004}\n')).output).not.toContain('rounds')
  })

  test('are reported with the path to the first number that JavaScript rounds, and only if they are imported', async () => {
    const nested = '{"id":1,"order":{"items":[{"id":1},{"id":9007199254740993}]}}'
    const bad = '{"other":9007199254740993}\n'
    const { output } = await imported('a.ndjson', `${bad}${nested}\n${bad}`, [...BY_ID, '--on-error', 'skip'])
    expect(output).toContain(
      '1 row has a number that JavaScript rounds (first line 2: order.items[1].id is 9007199254740993)',
    )
    expect((await imported('a.ndjson', `${nested}\n${nested}\n`, [...BY_ID, '--limit', '1'])).output).toContain(
      '1 row has',
    )
  })

  test('have columns of a stated type', async () => {
    const line = '{"id":9007199254740993, "price": 1.50, "n":"12", "yes":"true", "none":null, "rest": 1.0}'
    const types = ['--columns', 'id:string,price:decimal,n:number,yes:boolean,none:string']
    const { values } = await imported('a.ndjson', line, [...BY_ID, ...types])
    const { output } = await imported('a.ndjson', '{"id":1}\n', [...BY_ID, '--columns', 'id:string,nam:string'])
    expect(output).toContain('a.ndjson: no line has a field "nam", which --columns names')
    expect(values).toEqual(['{"id":"9007199254740993", "price": "1.50", "n":12, "yes":true, "none":null, "rest": 1.0}'])
  })

  test.each([
    ['a line that is not JSON', '{"id":1}\n{"id":', 'a.ndjson, line 2, is not JSON'],
    ['a line that is not an object', '[1]\n', 'a.ndjson, line 1, is not a JSON object'],
    ['a line without the key', '{"id":1}\n{}\n', 'a.ndjson, line 2 has no field "id" for the key'],
    ['a key that UTF-8 cannot hold', '{"id":"\\ud800"}\n', 'a.ndjson, line 1: id has half of a surrogate pair'],
    [
      'a line that is not UTF-8',
      Buffer.from('{"id":"\xe9"}\n', 'latin1'),
      'a.ndjson, line 1 is not UTF-8 (byte 8 is 0xe9). Give its encoding, such as --encoding latin1',
    ],
  ])('are refused by their number: %s', async (_, content, message) => {
    const { output, code } = await imported('a.ndjson', content)
    expect(output).toContain(message)
    expect(code).toBe(1)
  })
})

describe('a CSV file', () => {
  test('has one type for each column, which is printed', async () => {
    const { values, output } = await imported(
      'a.csv',
      'id,amount,code,big\n1,10.50,007,9007199254740993\n2,9.99,8,1\n3,,x,2\n',
    )
    expect(output).toContain('a.csv: id number, amount number, code string, big string (from the first megabyte')
    expect(values).toEqual([
      '{"id":1,"amount":10.50,"code":"007","big":"9007199254740993"}',
      '{"id":2,"amount":9.99,"code":"8","big":"1"}',
      '{"id":3,"amount":null,"code":"x","big":"2"}',
    ])
  })

  test('has the types that are stated', async () => {
    const types = ['--columns', 'amount:decimal,id:string']
    const { values, output } = await imported('a.csv', 'id,amount\n1,10.50\n2,\n', [...BY_ID, ...types])
    expect(output).toContain('a.csv: id string, amount decimal (as stated)')
    expect(values).toEqual(['{"id":"1","amount":"10.50"}', '{"id":"2","amount":null}'])
  })

  test('with too many digits for a number gets decimals, without a stated type', async () => {
    const { values } = await imported('a.csv', 'id,n\n1,0.12345678901234567890\n2,1.0\n')
    expect(values).toEqual(['{"id":1,"n":"0.12345678901234567890"}', '{"id":2,"n":"1.0"}'])
  })

  test('is cut at a stated delimiter, and at tabs as .tsv', async () => {
    expect((await imported('a.csv', 'id;n\n1;"2;5"\n', [...BY_ID, '--delimiter', ';'])).values).toEqual([
      '{"id":1,"n":"2;5"}',
    ])
    expect((await imported('a.tsv', 'id\tn\n1\t2\n')).values).toEqual(['{"id":1,"n":2}'])
    expect((await imported('a.csv', 'id;n\n1;2\n')).output).toContain(
      'Its columns: "id;n". If another character than "," divides the columns',
    )
  })

  test('keeps quotes, line breaks and blanks of its cells', async () => {
    const text = 'id,text\r\n1,"a ""b"",\r\nc"\r\n2, x \r\n3,""\r\n\r\n'
    const { values } = await imported('a.csv', `\ufeff${text}`)
    expect(values).toEqual(['{"id":1,"text":"a \\"b\\",\\r\\nc"}', '{"id":2,"text":" x "}', '{"id":3,"text":""}'])
  })

  test('may end in blank lines, and may be compressed under its plain name', async () => {
    const text = 'id,n\n1,2\n\n\n'
    for (const content of [text, gzipSync(text), zstdCompressSync(text)]) {
      expect((await imported('a.csv', content)).values).toEqual(['{"id":1,"n":2}'])
    }
  })

  test('of another encoding is read in that, and otherwise refused by its line', async () => {
    const latin1 = Buffer.from('id,n\nM\xfcller,1\nM\xf6ller,2\n', 'latin1')
    expect((await imported('a.csv', latin1)).output).toContain(
      'a.csv, line 2 is not UTF-8 (byte 2 is 0xfc). Give its encoding',
    )
    expect((await imported('a.csv', latin1, [...BY_ID, '--encoding', 'latin1'])).keys).toEqual(['Müller', 'Möller'])
    const utf16 = Buffer.from('\ufeffid,n\nMüller,1\n', 'utf16le')
    expect((await imported('a.csv', utf16)).output).toContain('is UTF-16. Give --encoding utf-16le')
    expect((await imported('a.csv', utf16, [...BY_ID, '--encoding', 'utf-16le'])).keys).toEqual(['Müller'])
  })

  test('of another encoding has its bad rows reported by line', async () => {
    const content = Buffer.concat([Buffer.from('id,n\n1,'), Buffer.of(0x82, 0x0a), Buffer.from('2,x\n')])
    const options = [...BY_ID, '--encoding', 'shift_jis']
    expect((await imported('a.csv', content, options)).output).toContain(
      'a.csv, line 2 is not shift_jis. Give the right',
    )
    const { keys, output } = await imported('a.csv', content, [...options, '--on-error', 'skip'])
    expect(keys).toEqual(['2'])
    expect(output).toContain('1 bad row skipped')
    const lines = Buffer.from('{"id":1}\n{"id":"\ud800"}\n{"id":3}\n', 'utf16le')
    const utf16 = [...BY_ID, '--encoding', 'utf-16le', '--on-error', 'skip']
    const { output: skipped, keys: ids } = await imported('a.ndjson', lines, utf16)
    expect(skipped).toContain('a.ndjson, line 2 is not utf-16le')
    expect(ids).toEqual(['1', '3'])
  })

  test.each([
    ['a ragged row', 'id,n\n1,2\n3\n', 'a.csv, line 3, column 2: the row has 1 cell, and the header has 2'],
    [
      'a row with a cell too many',
      'id,n\n1,2,3\n',
      'a.csv, line 2, column 3: the row has 3 cells, and the header has 2',
    ],
    [
      'a stray quote',
      'id,n\n1,2\n3,a"b\n4,5\n',
      'a.csv, line 3, column 2: a quote is inside a cell that is not quoted',
    ],
    ['text behind a quoted cell', 'id,n\n"1"x,2\n', 'a.csv, line 2, column 1: text follows the closing quote'],
    ['a quote that is not closed', 'id,n\n1,2\n3,"a\n4,5\n', 'a.csv, line 3, column 2: a quoted cell is not closed'],
    ['a carriage return in a cell', 'id,n\n1,a\rb\n', 'a.csv, line 2: a carriage return is in a cell'],
    ['a carriage return beside a quoted cell', 'id,n\n"1",a\rb\n', 'a.csv, line 2: a carriage return is in a cell'],
    ['a file of carriage returns', 'id,n\r1,2\r', 'a.csv, line 1: a carriage return is in a cell'],
    ['a comment', 'id,n\n# all orders\n1,2\n', 'a.csv, line 2, column 2: the row has 1 cell'],
    [
      'a cell of another type',
      'id,n\n1,2\n2,x\n',
      'a.csv, line 3, column 2: n is "x", not a decimal',
      ['--columns', 'n:decimal'],
    ],
    [
      'a number that JavaScript rounds',
      'id,n\n1,9007199254740993\n',
      'a.csv, line 2, column 2: n is "9007199254740993", not a number',
      ['--columns', 'n:number'],
    ],
    ['a row without a key', 'id,n\n1,2\n,3\n', 'a.csv, line 3 has no field "id" for the key'],
    ['a row with an empty key in quotes', 'id,n\n"",3\n', 'a.csv, line 2 has no field "id" for the key'],
    ['two columns of one name', 'id,n,n\n1,2,3\n', 'a.csv, line 1: two columns are named "n"'],
    ['a key column that is not there', 'n\n1\n', 'a.csv has no column "id" for the key. Its columns: "n"'],
    [
      'a stated column that is not there',
      'id,n\n1,2\n',
      'a.csv has no column "N", which --columns names. Its columns: "id", "n"',
      ['--columns', 'N:string'],
    ],
    ['a parquet file', 'PAR1 and so on', 'a.csv is a parquet file. Name it .parquet'],
    ['a spreadsheet', 'PK\x03\x04 and so on', 'a.csv is a zip file or a spreadsheet'],
    [
      'a file that is compressed and cut off',
      gzipSync('id,n\n'.repeat(100)).subarray(0, 20),
      'a.csv cannot be decompressed to its end: it is damaged or incomplete',
    ],
  ])('is refused by line and column: %s', async (_, content, message, options: string[] = []) => {
    const { output, code } = await imported('a.csv', content, [...BY_ID, ...options])
    expect(output).toContain(message)
    expect(output).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
  })

  test('whose types change after the first megabyte is refused there', async () => {
    const rows = Array.from({ length: 12_000 }, (_, index) => `${index},5,${'x'.repeat(100)}`)
    const { output, code } = await imported('a.csv', `id,n,x\n${rows.join('\n')}\n7,many,x\n`)
    expect(output).toContain('a.csv, line 12002, column 2: n is "many", not a number')
    expect(output).toContain('12,000 records imported into a')
    expect(code).toBe(1)
  })
})

describe('an import', () => {
  const LINES = '{"id":1}\n{"id":2}\n'

  test.each([
    ['gzip', gzipSync(LINES), 'a.ndjson.gz'],
    ['zstd', zstdCompressSync(LINES), 'a.jsonl.zst'],
    ['gzip under another name', gzipSync(LINES), 'a.ndjson'],
  ])('reads what is compressed with %s', async (_, content, name) => {
    expect((await imported(name, content)).keys).toEqual(['1', '2'])
  })

  test('reads stdin, of which the kind is stated', async () => {
    using folder = new DataFolder()
    await folder.succeed(['topics', 'import', 'a', '-', '--format', 'ndjson', ...BY_ID], LINES)
    await folder.succeed(['topics', 'import', 'a', '-', '--format', 'csv', ...BY_ID], gzipSync('id\n3\n'))
    expect(await folder.keys('a')).toEqual(['1', '2', '3'])
    const { stderr } = await folder.run(['topics', 'import', 'a', '-', ...BY_ID], LINES)
    expect(stderr).toContain('Give --format parquet, --format ndjson, --format csv')
  })

  test('takes many files as one, and resumes them as one', async () => {
    using folder = new DataFolder()
    const files = [
      folder.write('a.csv', 'id,n\n1,2\n'),
      folder.write('b.ndjson.gz', gzipSync(LINES)),
      folder.write('c.csv', 'id,n\n9,x\n'),
    ]
    const args = (count: number) => [
      'topics',
      'import',
      'a',
      ...files.slice(0, count),
      '--key',
      'id',
      '--event-time',
      'now',
      '--resume',
    ]
    await folder.succeed(args(2))
    expect((await folder.succeed(args(3))).toString()).toContain('1 record imported into a; 3 already existed')
    expect(await folder.keys('a')).toEqual(['1', '1', '2', '9'])
  })

  test('looks at all files before it imports the first one', async () => {
    using folder = new DataFolder()
    const file = folder.write('a.ndjson', LINES)
    for (const [second, message] of [
      [`${file}.missing.csv`, 'does not exist'],
      [folder.write('b.txt', LINES), 'has an unknown kind'],
      [folder.write('b.parquet', LINES), 'is not a parquet file'],
    ] as const) {
      const { code, stdout, stderr } = await folder.run(['topics', 'import', 'a', file, second, ...BY_ID])
      expect(`${stdout}${stderr}`).not.toContain('imported into')
      expect(stderr).toContain(message)
      expect(code).not.toBe(0)
    }
    expect((await folder.run(['topics', 'tail', 'a', '--until-end'])).code).toBe(4)
  })

  test('of a directory is refused', async () => {
    using folder = new DataFolder()
    const { stderr } = await folder.run(['topics', 'import', 'a', tmpdir(), '--format', 'csv', ...BY_ID])
    expect(stderr).toContain('it is a directory (EISDIR). Name the files in it')
  })

  test('that fails before its first record leaves no topic behind, unless the topic existed before', async () => {
    using folder = new DataFolder()
    const bad = folder.write('a.ndjson', '{}\n')
    const run = () => folder.run(['topics', 'import', 'a', bad, ...BY_ID])
    expect((await run()).code).toBe(1)
    expect((await folder.succeed(['topics', 'list'])).toString()).not.toMatch(/^a\b/m)
    await folder.succeed(['topics', 'create', 'a'])
    expect((await run()).code).toBe(1)
    expect(await folder.keys('a')).toEqual([])
  })

  test('of a file without times gives every row the stated time, or the time of the import', async () => {
    using folder = new DataFolder()
    const file = folder.write('a.ndjson', LINES)
    const times = async (topic: string) => (await folder.tail(topic)).map((line) => JSON.parse(line).timestamp)
    await folder.succeed(['topics', 'import', 'a', file, ...BY_ID])
    expect(await times('a')).toEqual([Date.UTC(2001, 0, 31), Date.UTC(2001, 0, 31)])
    const before = Date.now()
    await folder.succeed(['topics', 'import', 'b', file, '--key', 'id', '--event-time', 'now'])
    for (const time of await times('b')) expect(time).toBeGreaterThanOrEqual(before)
  })

  test.each([
    ['a.csv', 'id,at\n1,980928000.9999\n2,980928001\n', 's', [980928000999, 980928001000]],
    ['a.csv', 'id,at\n1,1700000000999999999\n', 'ns', [1_700_000_000_999]],
    ['a.ndjson', '{"id":1,"at":1700000000999999999}\n{"id":2,"at":1e18}\n', 'ns', [1_700_000_000_999, 1e12]],
    ['a.ndjson', '{"id":1,"at":1700000000999999.9999}\n', 'us', [1_700_000_000_999]],
  ])('cuts event times off at their milliseconds: %s %j', async (name, content, unit, times) => {
    using folder = new DataFolder()
    const file = folder.write(name, content)
    const options = ['--key', 'id', '--timestamp', 'at', '--timestamp-unit', unit]
    await folder.succeed(['topics', 'import', 'a', file, ...options])
    expect((await folder.tail('a')).map((line) => JSON.parse(line).timestamp)).toEqual(times)
  })

  test('reports the event times of the records that it has appended', async () => {
    using folder = new DataFolder()
    const rows = ['id,at', '1,2001-01-02', ',2001-01-01', '2,2001-01-03', ',2001-01-04', '3,2001-01-05']
    const file = folder.write('a.csv', `${rows.join('\n')}\n`)
    const options = ['--key', 'id', '--timestamp', 'at', '--on-error', 'skip', '--limit', '4']
    const output = await folder.succeed(['topics', 'import', 'a', file, ...options])
    expect(output.toString()).toContain('from 2001-01-02T00:00:00.000Z to 2001-01-03T00:00:00.000Z')
  })

  test('stops after --limit rows, and continues from there', async () => {
    using folder = new DataFolder()
    const file = folder.write('a.ndjson', '{"id":1}\n{"id":2}\n{"id":3}\n')
    const args = ['topics', 'import', 'a', file, ...BY_ID, '--resume']
    await folder.succeed([...args, '--limit', '2'])
    expect(await folder.keys('a')).toEqual(['1', '2'])
    expect((await folder.succeed(args)).toString()).toContain('1 record imported into a; 2 already existed')
  })

  test.each([
    ['no event time', ['--key', 'id'], 'Rows need an event time. Give --timestamp <column>, or --event-time'],
    ['two event times', [...BY_ID, '--timestamp', 'at'], 'exclude each other'],
    ['a unit without a column', [...BY_ID, '--timestamp-unit', 's'], '--timestamp-unit is the unit of --timestamp'],
    ['dead letters without the policy', [...BY_ID, '--dead-letters', 'b'], 'Give both'],
    [
      'the topic as its own dead letters',
      [...BY_ID, '--on-error', 'dead-letter', '--dead-letters', 'a'],
      'Name another topic',
    ],
    ['a delimiter of JSON', [...BY_ID, '--delimiter', ';'], 'has no --delimiter'],
    ['an unknown encoding', [...BY_ID, '--encoding', 'none'], 'Give the name of an encoding'],
    ['a delimiter of two characters', [...BY_ID, '--delimiter', ';;'], 'Give one character, or tab'],
    ['an unknown type', [...BY_ID, '--columns', 'id:text'], 'Types: string, number, decimal, boolean'],
    ['a type of a column twice', [...BY_ID, '--columns', 'id:string,id:number'], 'It has the column "id" twice'],
    ['JSON as parquet', [...BY_ID, '--format', 'parquet'], 'is not a parquet file'],
  ])('refuses %s', async (_, options, message) => {
    const { output, code } = await imported('a.ndjson', LINES, options)
    expect(output).toContain(message)
    expect(code).not.toBe(0)
  })
})
