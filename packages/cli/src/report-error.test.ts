import { readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { RefusedError } from '@millrace/core'
import pc from 'picocolors'
import { expect, test } from 'vitest'
import { EXIT } from './exit-codes.ts'
import { reportError } from './report-error.ts'

function reported(error: unknown): { readonly code: number; readonly output: string } {
  const stderr = new PassThrough({ encoding: 'utf8' })
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const { signal } = new AbortController()
  const io = { stdin, stdout, stderr, env: {}, colors: pc.createColors(false), interactive: false }
  const code = reportError({ ...io, stopSignal: () => signal }, error)
  return { code, output: String(stderr.read()) }
}

test('a refusal of the system is reported with a code, and with the reason of the system', () => {
  let refused: unknown
  try {
    readFileSync('/missing/millrace')
  } catch (error) {
    refused = error
  }
  const { code, output } = reported(refused)
  expect(output).toMatch(/^SYSTEM_CALL_FAILED: .*ENOENT.*'\/missing\/millrace'\n$/)
  expect(code).toBe(EXIT.failed)
})

test.each([[new TypeError('x is not a function')], ['a string that was thrown']])(
  '%s is reported as a fault of Millrace',
  (error) => {
    const { code, output } = reported(error)
    expect(output).toMatch(/^INTERNAL_ERROR: Millrace has a fault: .*Please report it/)
    expect(code).toBe(EXIT.failed)
  },
)

test('a message names settings of a topic as options, and keeps words that only look like settings', () => {
  const message = 'the topic has 3 partitions: recordBytesMax is 5, partitions is 0; cleanup goes on'
  expect(reported(new RefusedError('BAD_TOPIC_SETTINGS', message)).output).toBe(
    'BAD_TOPIC_SETTINGS: the topic has 3 partitions: --record-bytes-max is 5, --partitions is 0; cleanup goes on\n',
  )
})
