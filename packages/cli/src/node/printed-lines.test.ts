import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { takePrintedLines } from './printed-lines.ts'

/** The lines of what a stream gets in these chunks. */
async function linesOf(...chunks: readonly (string | Buffer)[]): Promise<readonly string[]> {
  const stream = new PassThrough()
  const lines: string[] = []
  takePrintedLines(stream, (line) => lines.push(line))
  for (const chunk of chunks) {
    stream.write(chunk)
    // Each chunk is taken by itself.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  await new Promise<void>((resolve) => stream.end(() => setImmediate(resolve)))
  return lines
}

test.each([
  [['one\ntwo\n'], ['one', 'two']],
  [['one\r\ntwo'], ['one', 'two']],
  [
    ['10 %\r20 %\r', '30 %\r\n'],
    ['10 %', '20 %', '30 %'],
  ],
  [
    ['one\r', '\ntwo\r', 'three'],
    ['one', 'two', 'three'],
  ],
  [['\n\none'], ['', '', 'one']],
  [
    ['on', 'e\nt', 'wo\n'],
    ['one', 'two'],
  ],
  [[''], []],
])('what is printed as %j is taken as the lines %j', async (chunks, lines) => {
  expect(await linesOf(...chunks)).toEqual(lines)
})

test('a character whose bytes come in two chunks stays whole', async () => {
  const bytes = Buffer.from('größe\n')
  expect(await linesOf(bytes.subarray(0, 3), bytes.subarray(3))).toEqual(['größe'])
})

test('a line of a megabyte is taken in parts as it comes, and nothing of it is lost', async () => {
  const stream = new PassThrough()
  const lines: string[] = []
  takePrintedLines(stream, (line) => lines.push(line))
  for (let mib = 0; mib < 16; mib++) stream.write('x'.repeat(65_536))
  await expect.poll(() => lines.length).toBeGreaterThan(60)
  expect(Math.max(...lines.map((line) => line.length))).toBe(16_384)
  await new Promise<void>((resolve) => stream.end('\nend\n', () => setImmediate(resolve)))
  expect(lines.join('')).toBe(`${'x'.repeat(1_048_576)}end`)
})
