import { expect, test } from 'vitest'
import { keyFromText, keyToText } from './key-text.ts'

const text = { name: 'string', toJson: (key: string) => key, fromJson: String }
const json = { name: 'json', toJson: (key: unknown) => key, fromJson: (key: unknown) => key }

test.each(['', 'ATL', '"ATL"', '1', 'null', '{'])('the string key %j is written as it is', (key) => {
  expect(keyToText(text, key)).toBe(key)
  expect(keyFromText(text, key)).toBe(key)
})

test.each([1, 'ATL', '1', '"', null, { origin: 'ATL' }, [1, 'a']])(
  'the JSON key %j comes back from its text',
  (key) => {
    expect(keyFromText(json, keyToText(json, key))).toEqual(key)
  },
)

test('a person may leave out the quotes of a JSON string', () => {
  expect(keyFromText(json, 'ATL')).toBe('ATL')
  expect(keyFromText(json, '"ATL"')).toBe('ATL')
})

test('a key that the serde does not accept is refused', () => {
  const int = {
    name: 'int32',
    fromJson: (key: unknown) => {
      if (!Number.isInteger(key)) throw new Error('no integer')
      return key
    },
  }
  expect(() => keyFromText(int, 'ATL')).toThrow('no integer')
  expect(keyFromText(int, '12')).toBe(12)
})
