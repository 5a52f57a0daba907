import { expect, test } from 'vitest'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { nullable } from './nullable.ts'
import { int32 } from './numbers.ts'
import { string } from './string.ts'

test.each([null, '', 'a'])('reads %j as it was written', (value) => {
  const out = new ByteWriter()
  out.utf8('before')
  const serde = nullable(string())
  serde.encode(value, out)
  expect(serde.decode(out.buffer, 6, out.position)).toBe(value)
  expect(serde.fromJson(serde.toJson(value))).toBe(value)
  expect(serde.normalize?.(value)).toBe(value)
})

test('rejects what its serde rejects, and bytes that it did not write', () => {
  const serde = nullable(int32())
  expect(() => serde.normalize?.(0.5)).toThrow()
  expect(() => serde.decode(Buffer.from([7]), 0, 1)).toThrow('not with 7')
  expect(() => serde.decode(Buffer.alloc(0), 0, 0)).toThrow()
})

test('is recorded under a name that contains the other one', () => {
  expect(nullable(int32()).name).toBe('nullable(int32)')
})
