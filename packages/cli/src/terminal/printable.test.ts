import { PassThrough } from 'node:stream'
import { assert as check, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { jsonLine, printable, printableLines } from './printable.ts'
import { cell } from './table.ts'

test.each([
  ['\x1b]0;renamed\x07', '\\u001b]0;renamed\\u0007'],
  ['\x9b31m', '\\u009b31m'],
  ['a\rb\nc\td', 'a\\rb\\nc\\td'],
  ['\x7f\0\b', '\\u007f\\u0000\\u0008'],
  ['user\u202egpj.exe', 'user\\u202egpj.exe'],
  ['\u2066a\u2069\u200f\u061c', '\\u2066a\\u2069\\u200f\\u061c'],
  ['a\u2028b\u{e0041}\ufeff\u200b', 'a\\u2028b\\udb40\\udc41\\ufeff\\u200b'],
  ['\ud800', '\\ud800'],
])('%j is escaped for people', (text, shown) => {
  expect(printable(text)).toBe(shown)
  expect(cell(text)).toBe(shown)
  expect(cell({ text })).toBe(printable(JSON.stringify({ text })))
})

test.each(['ATL', 'Zürich', '東京', '👩‍🚀 𝄞', 'a\u0301', 'مرحبا', 'می\u200cخواهم', '\\u001b', '"'])(
  '%j is shown as it is',
  (text) => {
    expect(printable(text)).toBe(text)
  },
)

test('the line breaks of a message stay, and other control characters are escaped', () => {
  expect(printableLines('a\n\tb\r\x1b')).toBe('a\n\tb\\r\\u001b')
})

test('JSON for a pipe is not changed, and on a terminal it means the same and controls nothing', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true })
  check(
    property(string({ unit: 'binary' }), (text) => {
      expect(jsonLine({ stdout: new PassThrough() }, { text })).toBe(JSON.stringify({ text }))
      const shown = jsonLine({ stdout: terminal }, { text })
      expect(JSON.parse(shown)).toEqual({ text })
      expect(shown).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029]/u)
    }),
  )
})
