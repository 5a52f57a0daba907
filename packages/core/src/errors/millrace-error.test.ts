import { expect, test } from 'vitest'
import { ERROR_CODES, type ErrorCode } from './codes.ts'
import {
  errorWithCode,
  FatalError,
  FencedError,
  RecordError,
  RefusedError,
  RetriableError,
  StateDamagedError,
} from './millrace-error.ts'

const CLASSES = {
  refused: RefusedError,
  record: RecordError,
  retry: RetriableError,
  fenced: FencedError,
  rebuild: StateDamagedError,
  fatal: FatalError,
}

test.each(Object.entries(ERROR_CODES))('%s has the class of its consequence, %s', (code, consequence) => {
  const error = errorWithCode(code as ErrorCode, 'A message', { topic: 'orders', cause: 'why' })
  expect(error.constructor).toBe(CLASSES[consequence])
  expect(error).toMatchObject({ code, message: 'A message', place: { topic: 'orders' }, cause: 'why' })
})

test('a class refuses the codes of another class when it compiles', () => {
  new FatalError('LOG_DAMAGED', 'A message')
  // @ts-expect-error The code is fatal.
  new RefusedError('LOG_DAMAGED', 'A message')
  // @ts-expect-error The code is a refusal.
  new RetriableError('BAD_NAME', 'A message')
  // @ts-expect-error The code is about one record.
  new StateDamagedError('RECORD_TOO_LARGE', 'A message')
})
