import { array, assert as check, constant, integer, maxSafeNat, oneof, property, tuple } from 'fast-check'
import { expect, test } from 'vitest'
import { formatResumeId, parseResumeId } from './resume-id.ts'
import type { ViewPart } from './served-view.ts'

const points = array(tuple(maxSafeNat(), oneof(constant(null), integer({ min: 0, max: 2 ** 32 - 1 }))), {
  minLength: 1,
  maxLength: 40,
})

function parts(of: readonly (readonly [number, number | null])[]): readonly ViewPart[] {
  return of.map(([nextOffset, checksum], partition) => {
    const history = { identity: 'x1', point: { nextOffset, checksum } }
    return { partition, history } as unknown as ViewPart
  })
}

test('an id is read as it was written', () => {
  check(
    property(points, (of) => {
      const read = parseResumeId(formatResumeId(parts(of)))
      expect(read?.identity).toBe('x1')
      expect([...(read?.points ?? [])]).toEqual(
        of.map(([nextOffset, checksum], part) => [part, { nextOffset, checksum }]),
      )
    }),
  )
})

test('an id of a thousand parts fits into a header', () => {
  const many = Array.from({ length: 1000 }, () => [10 ** 12, 2 ** 32 - 1] as const)
  expect(formatResumeId(parts(many)).length).toBeLessThan(24 * 1024)
})

test('a view with a part that has no history has no id', () => {
  expect(formatResumeId([...parts([[1, 2]]), {} as unknown as ViewPart])).toBe('')
})

test.each([
  'flights/0=12',
  '',
  '2.x1.0-1-1',
  '1.x1.0',
  '1.x1.0-',
  '1.x1.0-zzzzzzzzzzz-1',
  '1.x1.-1',
  '1.x1.0-1-1-1',
  '1.x1.0-1 ',
])('the text "%s" is not an id', (text) => {
  expect(parseResumeId(text)).toBeUndefined()
})
