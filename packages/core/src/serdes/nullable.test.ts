import { expect, test } from 'vitest'
import { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { json } from './json.ts'
import { nullable } from './nullable.ts'
import { int32 } from './numbers.ts'
import { string } from './string.ts'

const serdes: readonly (readonly [Serde<unknown>, readonly unknown[]])[] = [
  [nullable(string()) as Serde<unknown>, [null, '', 'a']],
  [nullable(int32()) as Serde<unknown>, [null, 0, -5]],
  [nullable(json<unknown>()), [null, 0, '', { a: [1] }]],
]

test.each(serdes)('$name keeps values and null apart', (serde, values) => {
  for (const value of values) {
    const out = new ByteWriter()
    serde.encode(value, out)
    expect(serde.decode(out.buffer, 0, out.position)).toEqual(value)
    expect(serde.fromJson(serde.toJson(value))).toEqual(value)
    expect(serde.normalize === undefined ? value : serde.normalize(value)).toEqual(value)
  }
})

test('refuses what the other serde refuses', () => {
  expect(() => nullable(json<unknown>()).normalize?.(Number.NaN)).toThrow()
  expect(nullable(json<unknown>()).name).toBe('nullable(json)')
})
