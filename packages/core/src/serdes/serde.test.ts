import { expect, test } from 'vitest'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { serde } from './serde.ts'

const point = serde<readonly [number, number]>({
  name: 'point',
  encode: ([x, y]) => new Uint8Array([x, y]),
  decode: ([x = 0, y = 0]) => [x, y],
})

test('a serde of two functions writes and reads', () => {
  const out = new ByteWriter(1)
  point.encode([1, 2], out)
  point.encode([3, 4], out)
  expect(point.decode(out.toBytes(), 2, 4)).toEqual([3, 4])
  expect(point.fromJson(point.toJson([1, 2]))).toEqual([1, 2])
})

test('a serde of your own may keep the bytes that it gets', () => {
  const kept = serde<Uint8Array>({ name: 'kept', encode: (value) => value, decode: (bytes) => bytes })
  const buffer = Buffer.from('abc')
  const value = kept.decode(buffer, 0, 3)
  buffer.fill(0)
  expect(Buffer.from(value).toString()).toBe('abc')
})

test.each(['json', 'string', '', 'windowed(string)'])('a serde cannot take the name %j', (name) => {
  expect(() => serde<Uint8Array>({ name, encode: (value) => value, decode: (bytes) => bytes })).toThrow(
    expect.objectContaining({ code: 'BAD_NAME' }),
  )
})
