import { expect, test } from 'vitest'
import { trials } from './crash/extent.ts'
import { wrongAnswer } from './fuzz/answers.ts'
import { fuzzViews } from './fuzz/fuzz-views.ts'

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const REQUESTS = trials(240)

test('malformed and heavy requests are answered or refused with a code, and the job continues with little memory', {
  timeout: 120_000,
}, async () => {
  console.log(`SEED=${SEED}`)
  const { requests } = await fuzzViews(SEED, REQUESTS)
  expect(requests).toBe(REQUESTS)
})

test.each([
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}', undefined],
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}', undefined],
  ['HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}', 'without a code'],
  ['HTTP/1.1 503 Busy\r\nContent-Length: 27\r\n\r\n{"code":"TOO_MANY_QUERIES"}', 'Retry-After'],
  ['HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}', 'not listed'],
  [
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\noops',
    'not JSON',
  ],
  ['HTTP/1.1 400 Bad Request\r\n\r\n', 'without a body'],
  ['{"a":1}', 'no HTTP'],
])('the check of answers judges %j correctly', (text, problem) => {
  if (problem === undefined) expect(wrongAnswer(text, false)).toBeUndefined()
  else expect(wrongAnswer(text, false)).toContain(problem)
})
