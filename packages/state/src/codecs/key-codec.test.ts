import { ByteWriter, type Serde } from '@millrace/core'
import { readTime, writeTime } from '@millrace/core/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { float64, int32, rawBytes, text } from '../testing/serdes.ts'
import { KeyCodec } from './key-codec.ts'

const times = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, -1, 1, 2 ** 32, -(2 ** 32), 2 ** 32 - 1, -(2 ** 32) - 1))
const byteArrays = fc
  .array(fc.oneof(fc.constantFrom(0, 1, 0xff), fc.nat(255)), { maxLength: 6 })
  .map((bytes) => Buffer.from(bytes))
const numbers = fc.double({ noNaN: true })

test('Window starts sort as numbers, negative ones too, and come back', () => {
  fc.assert(
    fc.property(times, times, (a, b) => {
      expect(Math.sign(timeBytes(a).compare(timeBytes(b)))).toBe(Math.sign(a - b))
      expect(readTime(timeBytes(a), 0)).toBe(a)
    }),
  )
})

test('Keys sort as their values, and come back', () => {
  checkOrder(int32, fc.integer(), (a, b) => a - b)
  checkOrder(float64, numbers, (a, b) => (a < b ? -1 : Number(a > b)))
  checkOrder(rawBytes, byteArrays, Buffer.compare)
  checkOrder(text, fc.string({ unit: 'grapheme' }), (a, b) => Buffer.from(a).compare(Buffer.from(b)))
})

test('Minus zero has the bytes of zero, which it equals', () => {
  const codec = new KeyCodec('store', float64, false)
  expect(keyBytes(codec, -0)).toEqual(keyBytes(codec, 0))
})

test("No windowed key begins another, and no other key's windows stand between a key's own", () => {
  const codec = new KeyCodec('store', rawBytes, true)
  fc.assert(
    fc.property(byteArrays, byteArrays, times, times, times, (a, b, first, last, between) => {
      fc.pre(!a.equals(b))
      const other = windowedBytes(codec, b, between)
      const [low, high] = [
        windowedBytes(codec, a, Math.min(first, last)),
        windowedBytes(codec, a, Math.max(first, last)),
      ]
      expect(low.compare(other) < 0 && other.compare(high) < 0).toBe(false)
      const [shorter, longer] = [keyBytes(codec, a), keyBytes(codec, b)].sort((x, y) => x.length - y.length)
      const ended = Buffer.concat([shorter ?? Buffer.of(), Buffer.of(0, 1)])
      expect(longer?.subarray(0, ended.length).equals(ended)).toBe(false)
    }),
    { numRuns: 1000 },
  )
})

function checkOrder<K>(serde: Serde<K>, keys: fc.Arbitrary<K>, compare: (a: K, b: K) => number): void {
  for (const windowed of [false, true]) {
    const codec = new KeyCodec('store', serde, windowed)
    fc.assert(
      fc.property(keys, keys, times, (a, b, start) => {
        const bytes = windowed ? windowedBytes(codec, a, start) : keyBytes(codec, a)
        const other = windowed ? windowedBytes(codec, b, start) : keyBytes(codec, b)
        expect(Math.sign(bytes.compare(other))).toBe(Math.sign(compare(a, b)))
        expect(bytes.compare(codec.prefix) >= 0 && bytes.compare(codec.end) < 0).toBe(true)
        if (windowed) expect(codec.readTimed(bytes, 0, bytes.length)).toMatchObject({ start, end: 0 - start })
        const back = windowed ? codec.readTimed(bytes, 0, bytes.length).key : codec.read(bytes, 0, bytes.length)
        expect(compare(back, a)).toBe(0)
      }),
      { numRuns: 500 },
    )
  }
}

function keyBytes<K>(codec: KeyCodec<K>, key: K): Buffer {
  const out = new ByteWriter(1)
  codec.write(out, key)
  return out.toBytes()
}

function windowedBytes<K>(codec: KeyCodec<K>, key: K, start: number): Buffer {
  const out = new ByteWriter(1)
  codec.writeTimed(out, key, start, 0 - start)
  return out.toBytes()
}

function timeBytes(time: number): Buffer {
  const out = new ByteWriter(1)
  writeTime(out, time)
  return out.toBytes()
}
