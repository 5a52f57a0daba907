import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { chosenToken, keptToken, storedToken, tokenFile } from './job-token.ts'

let data: string

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'millrace-token-'))
  onTestFinished(() => rmSync(data, { recursive: true }))
})

const modeOf = (path: string) => statSync(path).mode & 0o777

test('a token is made once, and only its owner can read it', () => {
  expect(storedToken(data)).toBeUndefined()
  const token = keptToken(data)
  expect(token).toMatch(/^[\w-]{43}$/)
  expect([keptToken(data), storedToken(data)]).toEqual([token, token])
  expect(modeOf(tokenFile(data))).toBe(0o600)
})

test('a token file that other users could read is closed to them, and the token stays', () => {
  const token = keptToken(data)
  chmodSync(tokenFile(data), 0o644)
  expect(keptToken(data)).toBe(token)
  expect(modeOf(tokenFile(data))).toBe(0o600)
})

test.each(['', 'short', 'with a space in its middle', 'x\ny'.repeat(20)])(
  'a file that holds %j gets a new token',
  (text) => {
    keptToken(data)
    writeFileSync(tokenFile(data), text)
    expect(storedToken(data)).toBeUndefined()
    expect(keptToken(data)).toMatch(/^[\w-]{43}$/)
  },
)

test('a token may be chosen, unless it is easily guessed or no header can hold it', () => {
  expect(chosenToken({})).toBeUndefined()
  expect(chosenToken({ MILLRACE_TOKEN: '' })).toBeUndefined()
  expect(chosenToken({ MILLRACE_TOKEN: 'abcdefghijklmnop' })).toBe('abcdefghijklmnop')
  for (const bad of ['abcdefghijklmno', 'abcdefghijklmnop\n', 'ä'.repeat(20), 'a b c d e f g h i j']) {
    expect(() => chosenToken({ MILLRACE_TOKEN: bad })).toThrowError(expect.objectContaining({ code: 'BAD_INPUT' }))
  }
})
