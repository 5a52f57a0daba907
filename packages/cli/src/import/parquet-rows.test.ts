import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { DataFolder } from '../testing/data-folder.ts'

const FILES = fileURLToPath(new URL('../testing/parquet/', import.meta.url))

const NOW = ['--event-time', '2001-01-31']

async function imported(name: string, key: string, options: readonly string[] = NOW) {
  using folder = new DataFolder()
  const { code, stdout, stderr } = await folder.run([
    'topics',
    'import',
    'a',
    join(FILES, `${name}.parquet`),
    '--key',
    key,
    ...options,
  ])
  const output = `${stdout}${stderr}`
  return code === 0
    ? { output, code, values: await folder.values('a'), keys: await folder.keys('a'), lines: await folder.tail('a') }
    : { output, code, values: [], keys: [], lines: [] }
}

describe('a parquet file', () => {
  test('gives each type one form, with every digit, wherever it stands in a row', async () => {
    const { values, output } = await imported('types', 'id')
    expect(values).toEqual([
      '{"id":"/wE=","fixed":"AAECAwQFBgcICQoLDA0ODw==","uuid":"00010203-0405-0607-0809-0a0b0c0d0e0f",' +
        '"dec20":"12345678901234567890","dec10":"10.50","big":"9007199254740993","ubig":"18446744073709551615","u32":4294967295,' +
        '"ts_us":978307260000.123,"ts_ns":"978307260000.123456","day":980899200000,"time":1500,"float":0.10000000149011612,' +
        '"double":0.1,"yes":true,"text":"é \\"x\\"\\n","list":["9007199254740993",1],' +
        '"group":{"day":980899200000,"dec":"10.50","bytes":"/wE=","ts":978307260000.123},"map":{"a":1,"__proto__":2}}',
      '{"id":"/gE=","fixed":"/////////////////////w==","uuid":"ffffffff-ffff-ffff-ffff-ffffffffffff",' +
        '"dec20":"-1","dec10":"9.99","big":1,"ubig":1,"u32":1,"ts_us":978307260000,"ts_ns":978307260000,"day":-86400000,"time":0,' +
        '"float":"NaN","double":"Infinity","yes":false,"text":"","list":[],"group":null,"map":{}}',
      '{"id":"b2s=","fixed":null,"uuid":null,"dec20":null,"dec10":"-0.05","big":"-9007199254740992","ubig":0,"u32":0,' +
        '"ts_us":-0.001,"ts_ns":null,"day":null,"time":86399999,"float":-0,"double":"-Infinity","yes":null,"text":null,"list":null,' +
        '"group":{"day":null,"dec":null,"bytes":null,"ts":null},"map":null}',
    ])
    expect(output).toContain(
      'column big has integers that JavaScript rounds. They become strings. --columns big:string makes all of them strings',
    )
  })

  test('has keys of bytes as they are, of text as its characters, and of decimals with their digits', async () => {
    const first = async (key: string) => (await imported('types', key, [...NOW, '--limit', '2'])).keys
    expect(await first('id')).toEqual([Buffer.from('ff01', 'hex'), Buffer.from('fe01', 'hex')])
    expect(await first('text')).toEqual(['é "x"\n', ''])
    expect(await first('dec20')).toEqual(['12345678901234567890', '-1'])
    expect(await first('big')).toEqual(['9007199254740993', '1'])
    expect(await first('uuid')).toEqual([
      '00010203-0405-0607-0809-0a0b0c0d0e0f',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ])
  })

  test('has columns of a stated type', async () => {
    const { values } = await imported('types', 'big', [...NOW, '--limit', '2', '--columns', 'big:string,dec10:number'])
    expect(values[0]).toContain('"dec10":10.50,"big":"9007199254740993"')
    expect(values[1]).toContain('"dec10":9.99,"big":"1"')
    expect((await imported('types', 'big', [...NOW, '--columns', 'id:string'])).output).toMatch(
      /row 1, column 1 \(id\): the bytes are not UTF-8/,
    )
  })

  test('is refused for a stated type of a column that it does not have', async () => {
    const { output, code } = await imported('types', 'big', [...NOW, '--columns', 'Big:string'])
    expect(output).toContain('types.parquet has no column "Big", which --columns names. Its columns: "id", "fixed"')
    expect(code).toBe(1)
  })

  test('has event times with parts of a millisecond, rounded down', async () => {
    const { lines } = await imported('types', 'big', ['--timestamp', 'ts_us', '--limit', '2'])
    expect(lines.map((line) => JSON.parse(line).timestamp)).toEqual([978307260000, 978307260000])
  })

  test('whose footer counts no rows is imported by its row groups', async () => {
    const { values, keys } = await imported('repeated-no-annotation', 'id')
    expect(keys).toEqual(['1', '2', '3', '4', '5', '6'])
    expect(values.slice(2)).toEqual([
      '{"id":3,"phoneNumbers":{"phone":[]}}',
      '{"id":4,"phoneNumbers":{"phone":[{"number":5555555555,"kind":null}]}}',
      '{"id":5,"phoneNumbers":{"phone":[{"number":1111111111,"kind":"home"}]}}',
      '{"id":6,"phoneNumbers":{"phone":[{"number":1111111111,"kind":"home"},{"number":2222222222,"kind":null},{"number":3333333333,"kind":"mobile"}]}}',
    ])
  })

  test('has lists as every writer of the format has stored them', async () => {
    expect((await imported('old-list-structure', 'a')).values).toEqual(['{"a":[[1,2],[3,4]]}'])
    const { values } = await imported('repeated-primitive-no-list', 'Int32_list')
    expect(values[0]).toBe(
      '{"Int32_list":[0,1,2,3],"String_list":["foo","zero","one","two"],"group_of_lists":{"Int32_list_in_group":[0,1,2,3],"String_list_in_group":["foo","zero","one","two"]}}',
    )
    expect(values[1]).toContain('"Int32_list":[]')
  })

  test.each([
    [
      'a map that has a key twice',
      'map-with-a-key-twice',
      'id',
      /row 2, column 2 \(map\): map\.key_value has the key "k" twice/,
    ],
    [
      'text that is not UTF-8',
      'text-that-is-not-utf-8',
      'id',
      /row 2, column 2 \(text\): text that is not UTF-8 \(6Q== in base64\)/,
    ],
    ['a column that is not there', 'types', 'name', /has no column "name" for the key. Its columns: "id", "fixed"/],
    ['levels that do not fit', 'arrow-rs-gh-6229-levels', 'outer', /is damaged: row group 0 cannot be read/],
    ['an unknown type', 'parquet-1481', 'c', /is not a parquet file/],
  ])('is refused for %s', async (_, name, key, message) => {
    const { output, code } = await imported(name, key)
    expect(output).toMatch(message)
    expect(output).not.toMatch(/^\s+at /m)
    expect(code).toBe(1)
  })

  test('has bad rows that can be skipped', async () => {
    const { keys, output } = await imported('text-that-is-not-utf-8', 'id', [...NOW, '--on-error', 'skip'])
    expect(keys).toEqual(['1', '3'])
    expect(output).toContain('2 records imported into a; 1 bad row skipped')
  })

  test('has dead letters with the bytes of text that is not UTF-8, and of every other cell', async () => {
    using folder = new DataFolder()
    const dead = async (name: string, topic: string) => {
      const file = join(FILES, `${name}.parquet`)
      await folder.succeed(['topics', 'import', topic, file, '--key', 'id', ...NOW, '--on-error', 'dead-letter'])
      return (await folder.tail(`${topic}.dead-letters`)).map((line) => JSON.parse(line).value)
    }
    expect(await dead('text-that-is-not-utf-8', 'a')).toEqual([{ id: 2, text: { base64: '6Q==' } }])
    expect(await dead('map-with-a-key-twice', 'b')).toMatchObject([
      { id: 'b', map: { key_value: [{ key: 'k' }, { key: 'k' }] } },
    ])
  })

  test('is refused if it is cut off or compressed as a whole', async () => {
    using folder = new DataFolder()
    const cut = folder.write('a.parquet', readFileSync(join(FILES, 'types.parquet')).subarray(0, 1000))
    const run = (file: string) => folder.run(['topics', 'import', 'a', file, '--key', 'id', ...NOW])
    expect((await run(cut)).stderr).toContain('a.parquet is not a parquet file')
    const packed = `${cut}.gz`
    copyFileSync(cut, packed)
    expect((await run(packed)).stderr).toContain('Decompress it, and import the result')
  })
})
