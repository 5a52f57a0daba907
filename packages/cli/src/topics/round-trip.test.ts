import { bytes, type Header } from '@millrace/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { withLog } from '../data-option.ts'
import { DataFolder } from '../testing/data-folder.ts'
import { recordOfLine } from './line-record.ts'

interface Given {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Header[]
}

const BYTES = bytes()

const utf8 = (text: string) => Buffer.from(text)

/** Values that a JSON parser, a line reader or a decoder would change. */
const AWKWARD = [
  '9007199254740993',
  '1.0',
  '10.50',
  '1e400',
  '-0',
  'null',
  ' null',
  '"null"',
  'true',
  '"text"',
  '"\\ud800"',
  '"\\u0041"',
  '{"a":1, "b" : [ 1.50 ]}',
  '{"a":1,"a":2}',
  ' {"a":1} ',
  '{\n"a":1}',
  '{"__proto__":1}',
  'text',
  '',
  ' ',
  '\ufeff1',
  'a\nb',
  'a\r',
  '\u2028',
  '"\u2028"',
  '\u0000',
  '[[[]]]',
  '"a\\\\"',
  '{"\\"value\\":1":"}"}',
].map(utf8)

const EVERY_AWKWARD = AWKWARD.map(
  (value): Given => ({
    key: value,
    value,
    headers: [
      ['a', value],
      ['a', null],
    ],
  }),
)

const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.constantFrom(...AWKWARD),
  fc.uint8Array({ maxLength: 12 }),
  fc.json({ maxDepth: 3 }).map(utf8),
  fc.string({ unit: 'binary', maxLength: 8 }).map(utf8),
)

const header: fc.Arbitrary<Header> = fc
  .tuple(fc.string({ maxLength: 3 }), fc.option(anyBytes))
  .map(([name, value]): Header => [name, value])

const records: fc.Arbitrary<Given[]> = fc.array(
  fc.record({
    key: fc.option(anyBytes),
    value: fc.option(anyBytes),
    headers: fc.array(header, { maxLength: 3 }),
  }),
  { maxLength: 8 },
)

async function write(folder: DataFolder, topic: string, given: readonly Given[]): Promise<void> {
  await withLog({ data: folder.data }, 'make', async (log) => {
    await log.admin.createTopic(topic, { partitions: 1 })
    const writer = log.openWriter()
    const partition = await writer.openPartition(topic, 0)
    for (const { key, value, headers } of given) {
      const keyBytes = key === null ? null : Buffer.from(key)
      partition.append(5, keyBytes, 0, keyBytes?.length ?? 0, value, BYTES, headers)
    }
    await writer.flush()
    await writer.close()
  })
}

async function read(folder: DataFolder, topic: string): Promise<unknown[]> {
  return withLog({ data: folder.data }, 'refuse', async (log) => {
    const reader = log.openReader()
    const partition = await reader.assign(topic, 0, 0)
    const found: unknown[] = []
    for (let batch = partition.poll(); batch !== undefined; batch = partition.poll()) {
      while (batch.next()) {
        const at = (start: number, end: number) => (start < 0 ? null : batch?.bytes.toString('hex', start, end))
        const headers = batch
          .headers()
          .map(([name, value]) => [name, value === null ? null : Buffer.from(value).toString('hex')])
        found.push([at(batch.keyStart, batch.keyEnd), at(batch.valueStart, batch.valueEnd), batch.timestamp, headers])
      }
    }
    await reader.close()
    return found
  })
}

test('tail --json piped into produce --records copies any record byte by byte', { timeout: 60_000 }, async () => {
  using folder = new DataFolder()
  let round = 0
  const copied = fc.asyncProperty(records, async (given) => {
    const [from, to] = [`from-${round}`, `to-${round++}`]
    await write(folder, from, given)
    const lines = await folder.succeed(['topics', 'tail', from, '--from', 'start', '--until-end', '--json'])
    await folder.succeed(['topics', 'produce', to, '--create', '--records'], lines)
    expect(await read(folder, to)).toEqual(await read(folder, from))
  })
  await fc.assert(copied, {
    numRuns: 60,
    examples: [[EVERY_AWKWARD]],
  })
})

test('produce takes a line as it is, whatever its bytes', async () => {
  using folder = new DataFolder()
  const lines = [Buffer.from('ff01', 'hex'), utf8(' 1.0 '), utf8('\ufeffx')]
  await folder.succeed(
    ['topics', 'produce', 'a', '--create'],
    Buffer.concat(lines.flatMap((line) => [line, utf8('\n')])),
  )
  expect(await read(folder, 'a')).toMatchObject(
    lines.map((line) => [null, line.toString('hex'), expect.anything(), []]),
  )
})

test('produce writes keys with the digits that they have', async () => {
  using folder = new DataFolder()
  const lines = '{"id":9007199254740993}\n{"id":9007199254740992}\n{"id":1.0}\n{"id":{"a": 1.50}}\n{"id":"x"}\n'
  await folder.succeed(['topics', 'produce', 'a', '--create', '--key-field', 'id'], lines)
  expect(await folder.keys('a')).toEqual(['9007199254740993', '9007199254740992', '1.0', '{"a": 1.50}', 'x'])
  await folder.succeed(['topics', 'produce', 'b', '--create', '--records'], '{"key":9007199254740993,"value":1.0}\n')
  expect(await folder.keys('b')).toEqual(['9007199254740993'])
})

test('produce cuts event times off at their milliseconds', async () => {
  using folder = new DataFolder()
  const args = ['topics', 'produce', 'a', '--create', '--timestamp-field', 'at', '--timestamp-unit', 'ns']
  await folder.succeed(args, '{"at":1700000000999999999}\n')
  expect((await folder.tail('a')).map((line) => JSON.parse(line).timestamp)).toEqual([1_700_000_000_999])
})

test.each([
  [
    'a field that Object has, and the line does not',
    ['--key-field', 'constructor'],
    '{"id":1}\n',
    'Line 1 of stdin has no field "constructor"',
  ],
  [
    'a key that UTF-8 cannot hold',
    ['--key-field', 'id'],
    '{"id":"\\ud800"}\n',
    'Line 1 of stdin: id has half of a surrogate pair',
  ],
  [
    'a line that is not UTF-8',
    ['--key-field', 'id'],
    Buffer.from('{"id":"x"}\n{"id":"\xe9"}\n', 'latin1'),
    'Line 2 of stdin is not UTF-8 (byte 8 is 0xe9)',
  ],
  ['base64 that is not base64', ['--records'], '{"valueBase64":"!!!"}\n', 'Line 1 of stdin: valueBase64 is not base64'],
  ['two keys', ['--records'], '{"key":"a","keyBase64":"YQ==","value":1}\n', 'Line 1 of stdin: a record has "key" and'],
  ['two values', ['--records'], '{"value":1,"valueText":"1"}\n', 'Line 1 of stdin: a record needs exactly one of'],
  [
    'a valueText that is not a string',
    ['--records'],
    '{"valueText":1}\n',
    'Line 1 of stdin: valueText is not a string',
  ],
  ['headers of another form', ['--records'], '{"value":1,"headers":["a"]}\n', 'Line 1 of stdin: "headers" must be'],
  [
    'a time before 1970',
    ['--records'],
    '{"value":1,"timestamp":-5}\n',
    /BAD_TIMESTAMP.* Line 1 of stdin: The timestamp -5 of a record for topic a /,
  ],
  [
    'a timestamp that is not a time',
    ['--records'],
    '{"value":1,"timestamp":1e400}\n',
    'Line 1 of stdin: timestamp is null, not a time',
  ],
] as const)('produce refuses %s by its line', async (_, options, stdin, message) => {
  using folder = new DataFolder()
  const { code, stderr } = await folder.run(['topics', 'produce', 'a', '--create', ...options], stdin)
  expect(stderr).toMatch(message)
  expect(code).toBe(1)
})

test.each([
  [['--records', '--key-field', 'id'], '--key-field has no effect'],
  [['--records', '--key', 'x'], '--key has no effect'],
  [['--records', '--timestamp-field', 'at'], '--timestamp-field has no effect'],
  [['--records', '--timestamp', '2001-01-31'], '--timestamp has no effect'],
  [['--timestamp', '2001-01-31', '--timestamp-field', 'at'], 'exclude each other'],
])('produce refuses options that it would ignore: %j', async (options, message) => {
  using folder = new DataFolder()
  const { code, stderr } = await folder.run(['topics', 'produce', 'a', '--create', ...options], '{"value":1}\n')
  expect(stderr).toContain(message)
  expect(code).toBe(2)
})

test('a line of 80 MB is read in time proportional to its bytes', { timeout: 20_000 }, async () => {
  using folder = new DataFolder()
  await folder.succeed(['topics', 'create', 'a', '--record-bytes-max', '100m'])
  const { stderr } = await folder.run(
    ['topics', 'produce', 'a', '--key-field', 'id'],
    `{"id":1,"text":"${'x'.repeat(80e6)}"}\n`,
  )
  expect(stderr).toBe('1 record appended to a\n')
})

test('a write that fails is reported with what is in the topic for certain', async () => {
  using folder = new DataFolder()
  await folder.succeed(['topics', 'create', 'a', '--record-bytes-max', '100'])
  const stdin = `first\nsecond\n${'x'.repeat(200)}\nlast\n`
  const { code, stderr } = await folder.run(['topics', 'produce', 'a'], stdin)
  expect(stderr).toMatch(/^2 records appended to a\nRECORD_TOO_LARGE: Line 3 of stdin: A record of 2\d\d bytes/)
  expect(code).toBe(1)
  expect(await folder.values('a')).toEqual(['"first"', '"second"'])
})

test('any line is appended as a record, or refused with its number', () => {
  const field = fc.constantFrom(
    'key',
    'keyBase64',
    'value',
    'valueText',
    'valueBase64',
    'timestamp',
    'headers',
    '__proto__',
  )
  const headers = fc.array(fc.dictionary(fc.constantFrom('name', 'value', 'valueBase64'), fc.jsonValue()))
  const line = fc
    .oneof(fc.dictionary(field, fc.oneof(fc.jsonValue(), headers)), fc.jsonValue())
    .map((json) => JSON.stringify(json))
  const given = fc.oneof(
    line,
    fc.string(),
    fc.uint8Array().map((each) => Buffer.from(each)),
  )
  fc.assert(
    fc.property(given, (text) => {
      try {
        const { key, value } = recordOfLine(text, 7, { records: true, time: undefined })
        for (const content of [key, value]) if (typeof content === 'string') expect(content.isWellFormed()).toBe(true)
      } catch (error) {
        expect(error).toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('Line 7 of stdin') })
      }
    }),
    { numRuns: 2000 },
  )
})
