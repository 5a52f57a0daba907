import { readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import pc from 'picocolors'
import { expect, test } from 'vitest'
import { EXIT } from './exit-codes.ts'
import { reportError } from './report-error.ts'

function reported(error: unknown): { readonly code: number; readonly said: string } {
  const stderr = new PassThrough({ encoding: 'utf8' })
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const { signal } = new AbortController()
  const io = { stdin, stdout, stderr, env: {}, colors: pc.createColors(false), interactive: false }
  const code = reportError({ ...io, stopSignal: () => signal }, error)
  return { code, said: String(stderr.read()) }
}

test('what the system refuses has a code, and the reason that the system gives', () => {
  let refused: unknown
  try {
    readFileSync('/missing/millrace')
  } catch (error) {
    refused = error
  }
  const { code, said } = reported(refused)
  expect(said).toMatch(/^SYSTEM_CALL_FAILED: .*ENOENT.*'\/missing\/millrace'\n$/)
  expect(code).toBe(EXIT.failed)
})

test.each([[new TypeError('x is not a function')], ['a string that was thrown']])('%s has a code too', (error) => {
  const { code, said } = reported(error)
  expect(said).toMatch(/^INTERNAL_ERROR: .*please report it/)
  expect(code).toBe(EXIT.failed)
})
