import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isExactNumber, roundedNumber } from './exact-number.ts'
import { fieldSpans, fieldText } from './json-fields.ts'

test('the fields of an object are where JSON.parse finds them', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom('', ' ', '\t', '\n  '), (object, space) => {
      const text = JSON.stringify(object, null, space === '' ? undefined : 2).replaceAll(
        '\n',
        space === '' ? '\n' : `\n${space}`,
      )
      const parsed = JSON.parse(text)
      const spans = fieldSpans(text)
      expect([...spans.keys()].toSorted()).toEqual(Object.keys(parsed).toSorted())
      for (const [name, { start, end }] of spans) expect(JSON.parse(text.slice(start, end))).toEqual(parsed[name])
    }),
  )
})

test.each([
  ['{"a":1.0}', '1.0'],
  ['{ "a" : 1e5 }', '1e5'],
  ['{"b":{"a":2},"a":[1, "]"]}', '[1, "]"]'],
  ['{"a":1,"\\u0061":2}', '2'],
  ['{"b":"\\"a\\":3","a":"}\\\\"}', '"}\\\\"'],
  ['{"b":1}', undefined],
  ['{}', undefined],
])('the text of "a" in %s is %s', (text, expected) => {
  expect(fieldText(text, 'a')).toBe(expected)
})

test.each([
  ['0', true],
  ['-0', true],
  ['1.0', true],
  ['10.50', true],
  ['0.1', true],
  ['1e5', true],
  ['1e23', true],
  ['5e-324', true],
  ['9007199254740991', true],
  ['9007199254740992', false],
  ['9007199254740993', false],
  ['-9007199254740993', false],
  ['0.30000000000000004', true],
  ['0.12345678901234567890', false],
  ['1e400', false],
  ['1e-400', false],
  ['10000000000000000000000', false],
])('that JavaScript holds %s exactly is %s', (text, exact) => {
  expect(isExactNumber(text)).toBe(exact)
  expect(roundedNumber(`{"n":${text}}`)).toBe(exact ? undefined : `n is ${text}`)
})

test('what JavaScript prints is held exactly', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      (value) => Math.abs(value) > 2 ** 53 || isExactNumber(String(value)),
    ),
  )
})
