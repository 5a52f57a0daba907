import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blocksOfLines, byteLines, textLines } from './lines.ts'

test('lines are the same however the input is cut into chunks', async () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'é', '\r', '"', '😀') })
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.boolean(), fc.array(fc.nat(9)), async (lines, ended, cuts) => {
      const text = Buffer.from(`${lines.join('\n')}${ended ? '\n' : ''}`)
      const chunks: Buffer[] = []
      let at = 0
      for (const cut of cuts) {
        chunks.push(text.subarray(at, at + cut))
        at += cut
      }
      chunks.push(text.subarray(at))
      const found: string[] = []
      for await (const block of blocksOfLines(Readable.from(chunks), () => '')) {
        expect(byteLines(block).map(String)).toEqual(textLines(block))
        found.push(...byteLines(block).map(String))
      }
      const expected = text.toString().split('\n')
      if (expected.at(-1) === '') expected.pop()
      expect(found).toEqual(expected.map((each) => each.replace(/\r$/, '')))
    }),
  )
})

test('a line without an end is refused by its number before it fills the memory', async () => {
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  function* endless() {
    for (let megabyte = 0; megabyte < 300; megabyte++) yield chunk
  }
  const read = async () => {
    for await (const block of blocksOfLines(Readable.from(endless()), () => 'line 3 of x')) expect(block.length).toBe(0)
  }
  await expect(read()).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringMatching(/^line 3 of x is longer/),
  })
})
