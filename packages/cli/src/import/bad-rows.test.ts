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

describe('bad rows', () => {
  const CSV = 'id,n\n# comment\n1,2\n3,a"b\n4,"x\ny"\n5\n"6",z"\n7,8\n'

  test('end the import after the rows before them are appended', async () => {
    using folder = new DataFolder()
    const file = folder.write('a.csv', 'id,n\n1,2\n3\n4,5\n')
    const { code, stdout, stderr } = await folder.run(['topics', 'import', 'a', file, ...BY_ID])
    expect(stdout.toString()).toBe('')
    expect(stderr).toMatch(/1 record imported into a \(.*\n.*BAD_INPUT: .*line 3, column 2/)
    expect(code).toBe(1)
    expect(await folder.values('a')).toEqual(['{"id":1,"n":2}'])
  })

  test('are skipped, named and counted', async () => {
    const { values, output } = await imported('a.csv', CSV, [...BY_ID, '--on-error', 'skip'])
    expect(values).toEqual(['{"id":1,"n":"2"}', '{"id":4,"n":"x\\ny"}', '{"id":7,"n":"8"}'])
    expect(output.match(/Skipped: .*line \d/g)?.map((line) => line.slice(-6))).toEqual([
      'line 2',
      'line 4',
      'line 7',
      'line 8',
    ])
    expect(output).toContain('3 records imported into a; 4 bad rows skipped')
  })

  test('are named only up to a limit', async () => {
    const { output } = await imported('a.csv', `id,n\n1,2\n${'3\n'.repeat(50)}`, [...BY_ID, '--on-error', 'skip'])
    expect(output.match(/Skipped: /g)?.length).toBe(10)
    expect(output).toContain('1 record imported into a; 50 bad rows skipped')
  })

  test('become dead letters once, however often the import is resumed', async () => {
    using folder = new DataFolder()
    const file = folder.write('a.csv', CSV)
    const args = ['topics', 'import', 'a', file, ...BY_ID, '--on-error', 'dead-letter', '--resume']
    // Half of the file is imported first, as a killed import leaves it.
    await folder.succeed([...args, '--limit', '3'])
    expect((await folder.tail('a.dead-letters')).length).toBe(2)
    const again = '2 records imported into a; 1 already existed; 4 bad rows in a.dead-letters'
    expect((await folder.succeed(args)).toString()).toContain(again)
    expect((await folder.succeed(args)).toString()).toContain(
      '0 records imported into a; 3 already existed; 4 bad rows',
    )
    const dead = (await folder.tail('a.dead-letters')).map((line) => JSON.parse(line))
    expect(dead.map(({ value, valueText }) => valueText ?? JSON.stringify(value))).toEqual([
      '# comment',
      '3,a"b',
      '5',
      '"6",z"',
    ])
    expect(dead[1].headers).toEqual([
      { name: 'millrace.error', value: 'BAD_INPUT' },
      { name: 'millrace.message', value: expect.stringContaining('a quote is inside a cell') },
      { name: 'millrace.file', value: file },
      { name: 'millrace.line', value: '4' },
    ])
  })

  test('that are larger than the topics accept become dead letters without the row', async () => {
    using folder = new DataFolder()
    const lines = ['{"id":1}', `{"id":2,"text":"${'x'.repeat(1_200_000)}"}`, `${'y'.repeat(1_200_000)}`, '{"id":3}']
    const file = folder.write('a.ndjson', lines.join('\n'))
    const args = ['topics', 'import', 'a', file, ...BY_ID, '--on-error', 'dead-letter', '--resume']
    expect((await folder.succeed(args)).toString()).toContain('2 records imported into a; 2 bad rows in a.dead-letters')
    expect((await folder.succeed(args)).toString()).toContain('0 records imported into a; 2 already existed; 2 bad')
    const dead = (await folder.tail('a.dead-letters')).map((line) => JSON.parse(line))
    expect(dead).toMatchObject([
      {
        valueText: '',
        headers: [
          { value: 'RECORD_TOO_LARGE' },
          { value: expect.stringContaining('a.ndjson, line 2: the row needs') },
          { value: file },
          { name: 'millrace.line', value: '2' },
          { name: 'millrace.bytes', value: String(lines[1]?.length) },
        ],
      },
      { valueText: '', headers: [{ value: 'BAD_INPUT' }, {}, {}, { name: 'millrace.line', value: '3' }, {}] },
    ])
  })

  test('have only the start of the message in their dead letter if a cell fills the message', async () => {
    using folder = new DataFolder()
    const file = folder.write('a.csv', `id,n\n1,${'x'.repeat(50_000)}\n`)
    const args = ['topics', 'import', 'a', file, ...BY_ID, '--columns', 'n:number', '--on-error', 'dead-letter']
    await folder.succeed(args)
    const [dead] = (await folder.tail('a.dead-letters')).map((line) => JSON.parse(line))
    expect(dead.valueText).toHaveLength(50_002)
    expect(dead.headers[1].value).toMatch(/a\.csv, line 2, column 2: n is "x+…$/)
    expect(dead.headers[1].value).toHaveLength(2001)
  })

  test('whose dead letter is refused end the import, and are not counted', async () => {
    using folder = new DataFolder()
    await folder.succeed(['topics', 'create', 'dead', '--record-bytes-max', '60'])
    const file = folder.write('a.ndjson', '{"id":1}\n{}\n{"id":3}\n')
    const args = ['topics', 'import', 'a', file, ...BY_ID, '--on-error', 'dead-letter', '--dead-letters', 'dead']
    const { code, stderr } = await folder.run(args)
    expect(stderr).toMatch(/^1 record imported into a \(/m)
    expect(stderr).toMatch(/a\.ndjson, line 2 is a bad row, and topic dead does not accept its dead letter/)
    expect(stderr).not.toContain('1 bad row in')
    expect(code).not.toBe(0)
  })

  test('include rows that the log refuses, and each error names its line', async () => {
    using folder = new DataFolder()
    await folder.succeed(['topics', 'create', 'a', '--record-bytes-max', '200'])
    const lines = [
      '{"id":1,"at":5}',
      `{"id":2,"at":5,"text":"${'x'.repeat(200)}"}`,
      '{"id":3,"at":-5}',
      '{"id":4}',
      '{"id":5,"at":6}',
    ]
    const file = folder.write('a.ndjson', lines.join('\n'))
    const args = ['topics', 'import', 'a', file, '--key', 'id', '--timestamp', 'at', '--on-error', 'skip']
    const { stderr, code } = await folder.run(args)
    expect(code).toBe(0)
    expect(stderr).toMatch(/a\.ndjson, line 2: the row needs \d+ bytes, and topic a accepts records up to 200/)
    expect(stderr).toMatch(/a\.ndjson, line 3: the event time is before 1970/)
    expect(stderr).toMatch(/a\.ndjson, line 4 has no field "at" for the timestamp/)
    expect(stderr).not.toContain('1969')
    expect(await folder.keys('a')).toEqual(['1', '5'])
    const failing = await folder.run(args.slice(0, -2))
    expect(failing.stderr).toMatch(/RECORD_TOO_LARGE: .*line 2/)
    await folder.succeed(['topics', 'create', 'b'])
    const early = folder.write('b.ndjson', '{"id":3,"at":-5}\n')
    const { stderr: before } = await folder.run(['topics', 'import', 'b', early, '--key', 'id', '--timestamp', 'at'])
    expect(before).toMatch(/BAD_TIMESTAMP: .*line 1/)
  })
})
