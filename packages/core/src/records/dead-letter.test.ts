import { describe, expect, test } from 'vitest'
import type { Header, Headers } from '../headers.ts'
import { type DeadLetter, deadLetterHeaders, readDeadLetter } from './dead-letter.ts'

const RECORD: DeadLetter = {
  error: 'CALLBACK_FAILED',
  message: 'The callback of mapValues threw: no price',
  cause: 'TypeError: no price',
  job: 'orders.version-2',
  step: 'mapValues',
  input: { topic: 'orders', topicId: 'a1', partition: 3, offset: 2 ** 40 },
}
const RESULT: DeadLetter = {
  error: 'RECORD_UNENCODABLE',
  message: 'no',
  result: { of: 'count "clicks"', key: '"ann"', window: '{"start":0,"end":10}' },
}
const OWN: Headers = [
  ['trace', Buffer.from([0, 255])],
  ['trace', null],
]

describe('the headers of a dead letter', () => {
  test.each([RECORD, RESULT, { error: 'KEY_MISSING', message: '' }])('state all that is known: %j', (letter) => {
    expect(readDeadLetter(deadLetterHeaders(letter))).toEqual({ ...letter, headers: [] })
  })

  test('follow those of the record, which come out as they were', () => {
    expect(readDeadLetter([...OWN, ...deadLetterHeaders(RECORD)])).toEqual({ ...RECORD, headers: OWN })
  })

  test('are the last ones in the dead letter of a dead letter, whose own are those of the record', () => {
    const first: Headers = [...OWN, ...deadLetterHeaders(RECORD)]
    expect(readDeadLetter([...first, ...deadLetterHeaders(RESULT)])).toEqual({ ...RESULT, headers: first })
  })

  test('are missing in any other record', () => {
    expect(readDeadLetter(OWN)).toBeUndefined()
    expect(readDeadLetter([])).toBeUndefined()
  })

  test('leave out a place that is not whole', () => {
    const changed = (name: string, value: Uint8Array | null): Headers =>
      deadLetterHeaders(RECORD).map((header): Header => (header[0] === name ? [name, value] : header))
    expect(readDeadLetter(changed('millrace.offset', Buffer.from('x')))).not.toHaveProperty('input')
    expect(readDeadLetter(changed('millrace.partition', Buffer.from('1.5')))).not.toHaveProperty('input')
    expect(readDeadLetter(changed('millrace.error', null))).toMatchObject({ error: '' })
  })

  test('hold the beginning of a text that is too long', () => {
    const letter = readDeadLetter(deadLetterHeaders({ ...RECORD, message: '💥'.repeat(5000) }))
    expect(letter?.message).toBe(`${'💥'.repeat(2048)}…`)
  })
})
