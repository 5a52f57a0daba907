import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { bytes } from './bytes.ts'
import { change } from './change.ts'
import { JOIN_PROGRESS } from './join-progress.ts'
import { json } from './json.ts'
import { msgpack } from './msgpack.ts'
import { float64, int32, int64 } from './numbers.ts'
import { pair } from './pair.ts'
import { rightUpdate } from './right-update.ts'
import { sameData } from './same-data.ts'
import { string } from './string.ts'
import { timed } from './timed.ts'
import { versioned } from './versioned.ts'
import { windowed } from './windowed.ts'

const safeInteger = fc.maxSafeInteger()
const wholeInt32 = fc.integer()
const window = fc.tuple(safeInteger, safeInteger).map(([start, end]) => ({ start, end }))
const windowedBy = <K>(key: fc.Arbitrary<K>) => fc.record({ key, window })
const pairOf = <A, B>(first: fc.Arbitrary<A>, second: fc.Arbitrary<B>) =>
  fc.record({ first: fc.option(first), second: fc.option(second) })
const object = fc
  .object({ values: [fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null)] })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto')))

/** Writes behind other bytes, as batches do. */
function encoded<T>(serde: Serde<T>, value: T): Buffer {
  const out = new ByteWriter(1)
  out.utf8('before')
  serde.encode(value, out)
  return out.toBytes().subarray(6)
}

/** Reads from a larger buffer, which is then overwritten, as readers do. */
function decoded<T>(serde: Serde<T>, content: Uint8Array): T {
  const buffer = Buffer.concat([Buffer.from('ab'), content, Buffer.from('cd')])
  const value = serde.decode(buffer, 2, 2 + content.length)
  buffer.fill(0x55)
  return value
}

function roundTrips<T>(name: string, serde: Serde<T>, values: fc.Arbitrary<T>): void {
  test(`${name}: what was encoded is decoded, through bytes and through JSON text`, () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decoded(serde, encoded(serde, value))).toEqual(value)
        expect(serde.fromJson(JSON.parse(JSON.stringify(serde.toJson(value))))).toEqual(value)
      }),
    )
  })
}

describe('every serde', () => {
  roundTrips('string', string(), fc.string({ unit: 'binary' }))
  roundTrips('json', json<unknown>(), object)
  roundTrips('bytes', bytes(), fc.uint8Array())
  roundTrips('int32', int32(), wholeInt32)
  roundTrips('int64', int64(), safeInteger)
  roundTrips(
    'float64',
    float64(),
    fc.double().map((value) => value + 0),
  )
  roundTrips('msgpack', msgpack<unknown>(), object)
  roundTrips('windowed(string)', windowed(string()), windowedBy(fc.string({ unit: 'binary' })))
  roundTrips('windowed(int64)', windowed(int64()), windowedBy(safeInteger))
  roundTrips('windowed(float64)', windowed(float64()), windowedBy(fc.double({ noNaN: true }).map((value) => value + 0)))
  roundTrips('windowed(bytes)', windowed(bytes()), windowedBy(fc.uint8Array()))
  roundTrips('timed(string)', timed(string()), fc.record({ at: safeInteger, value: fc.string({ unit: 'binary' }) }))
  roundTrips(
    'versioned(string)',
    versioned(string()),
    fc.record({
      version: safeInteger,
      move: fc.constantFrom('stays', 'comes', 'leaves', 'ends'),
      value: fc.option(fc.string({ unit: 'binary' })),
    }),
  )
  roundTrips(
    'right-update(string)',
    rightUpdate(string()),
    fc.record({
      key: fc.string({ unit: 'binary' }),
      at: safeInteger,
      watermark: safeInteger,
      inputId: safeInteger,
      offset: safeInteger,
      outputs: safeInteger,
      reached: safeInteger,
    }),
  )
  const changes = fc.array(safeInteger, { maxLength: 3 })
  roundTrips('join-progress', JOIN_PROGRESS, fc.record({ version: safeInteger, came: changes, left: changes }))
  roundTrips('change(string)', change(string()), pairOf(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })))
  roundTrips('a pair', pair('pair', bytes(), int64()), pairOf(fc.uint8Array(), safeInteger))
})

test('bytes that are not a pair are rejected, whichever of its values they begin with', () => {
  const serde = pair('pair', string(), int64())
  const whole = encoded(serde, { first: 'a', second: 5 })
  for (const broken of [Buffer.alloc(0), Buffer.of(4), whole.subarray(0, 3), whole.subarray(0, 7)]) {
    expect(() => decoded(serde, broken)).toThrow(Error)
  }
  const [head, length] = [Buffer.of(3), Buffer.alloc(4)]
  length.writeUInt32BE(50)
  expect(() => decoded(serde, Buffer.concat([head, length, Buffer.from('ab')]))).toThrow('the bytes are not a pair')
  expect(() => decoded(timed(string()), Buffer.alloc(7))).toThrow('the bytes are not a timed(string)')
  expect(() => decoded(versioned(string()), Buffer.alloc(8))).toThrow('the bytes are not a versioned(string)')
  expect(() => decoded(versioned(string()), Buffer.alloc(9, 8))).toThrow('the bytes are not a versioned(string)')
  expect(() => decoded(rightUpdate(string()), Buffer.alloc(47))).toThrow('the bytes are not a right-update(string)')
  expect(() => decoded(JOIN_PROGRESS, Buffer.alloc(9))).toThrow('the bytes are not a join-progress')
})

test('a pair, and a value with its time, are as their store reads them back', () => {
  const serde = pair('pair', timed(json<object>()), int32())
  const read = { first: { at: 1, value: { a: 1 } }, second: 2 }
  expect(serde.normalize?.(read)).toBe(read)
  const other = serde.normalize?.({ first: { at: 1, value: { a: 1, b: undefined } }, second: 2 })
  expect(other).toStrictEqual(read)
  expect(() => serde.normalize?.({ first: null, second: 0.5 })).toThrow('a whole number')
  expect(serde.normalize?.({ first: null, second: null })).toEqual({ first: null, second: null })
  const rows = versioned(json<object>())
  const row = { version: 1, move: 'stays' as const }
  expect(rows.normalize?.({ ...row, value: { a: 1, b: undefined } })).toStrictEqual({ ...row, value: { a: 1 } })
  expect(rows.normalize?.({ ...row, value: null })).toEqual({ ...row, value: null })
})

describe('any value of any kind', () => {
  class Total {
    readonly count = 1
  }
  const odd = fc.constantFrom<unknown>(
    Promise.resolve(1),
    Symbol('s'),
    () => 1,
    new Total(),
    [new Total()],
    /a/,
    new Error('e'),
    { toJSON: () => 1 },
    Buffer.from('abc'),
    { bytes: Buffer.from('abc') },
    new Date(Number.NaN),
    new (class Numbers extends Array<number> {})(),
    { at: new Date(5) },
    { missing: undefined },
    JSON.parse('{"__proto__":{"a":1}}'),
    { '\ud800': 1 },
    ['\ud800'],
  )
  const anything = fc.oneof(
    { weight: 1, arbitrary: odd },
    {
      weight: 8,
      arbitrary: fc.anything({
        withBigInt: true,
        withBoxedValues: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withObjectString: true,
        withSet: true,
        withSparseArray: true,
        withTypedArray: true,
        withUnicodeString: true,
      }),
    },
    { weight: 2, arbitrary: fc.tuple(odd, fc.jsonValue()) },
    { weight: 2, arbitrary: fc.record({ a: odd, b: fc.array(odd, { maxLength: 2 }) }) },
    fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.integer(), fc.uint8Array(), fc.jsonValue()),
  )
  const zero = z.custom<unknown>((value) => value !== null)

  test.each([
    ['json', json<unknown>()],
    ['json with a schema', json(zero)],
    ['msgpack', msgpack<unknown>()],
    ['string', string()],
    ['bytes', bytes()],
    ['int32', int32()],
    ['int64', int64()],
    ['float64', float64()],
    ['windowed(string)', windowed(string())],
  ] as [string, Serde<unknown>][])('%s: is refused, or comes back as what it was made to be', (name, serde) => {
    fc.assert(
      fc.property(name.startsWith('windowed') ? windowedBy(anything) : anything, (value) => {
        let normal: unknown
        try {
          normal = serde.normalize?.(value)
        } catch (error) {
          expect((error as Error).message).not.toBe('')
          if (name !== 'json with a schema') expect(() => encoded(serde, value)).toThrow()
          return
        }
        expect(decoded(serde, encoded(serde, normal))).toStrictEqual(normal)
        expect(encoded(serde, value)).toEqual(encoded(serde, normal))
        expect(sameData(asPlain(value), asPlain(normal))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  /** Objects without a prototype, and Buffers, stand for what they hold. */
  function asPlain(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(asPlain)
    if (value instanceof Uint8Array) return [...value]
    if (typeof value !== 'object' || value === null || value instanceof Date) return value
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, asPlain(field)]))
  }

  test('reports the place in the value, and what is wrong with it', () => {
    const refused = (value: unknown) => () => json<unknown>().normalize?.(value)
    expect(refused({ average: Number.NaN })).toThrow('value.average is NaN, which JSON cannot express')
    expect(refused({ a: [1, { 'b c': 1n }] })).toThrow('value.a[1]["b c"] is a BigInt, which JSON cannot express')
    expect(refused([1, undefined])).toThrow('value[1] is undefined, which JSON cannot express')
    expect(refused(Number.NEGATIVE_INFINITY)).toThrow('the value is -Infinity, which JSON cannot express')
    expect(refused({ at: new Date(5) })).toThrow(
      'value.at is an instance of Date, which JSON would read as something else',
    )
    expect(refused(Promise.resolve(1))).toThrow('the value is a promise: what creates it must be synchronous')
    const endless: unknown[] = []
    endless.push(endless)
    expect(refused(endless)).toThrow(/contains itself/)
    expect(() => msgpack<unknown>().normalize?.(endless)).toThrow(/contains itself/)
    expect(() => msgpack<unknown>().normalize?.({ a: '\ud800' })).toThrow('value.a has half a surrogate pair')
    expect(() => json(z.object({ a: z.number() })).normalize?.({ a: 1, b: 2 } as { a: number })).toThrow(/another/)
  })

  test('is stored as the same object if nothing has to be left out, and as another one otherwise', () => {
    const exact = { a: [1, 'x', null, { b: true }] }
    expect(json<unknown>().normalize?.(exact)).toBe(exact)
    expect(msgpack<unknown>().normalize?.(exact)).toBe(exact)
    const value = { a: undefined, b: [-0], c: Object.create(null) }
    const normal = json<unknown>().normalize?.(value)
    expect(normal).toStrictEqual({ b: [0], c: {} })
    expect(value).toStrictEqual({ a: undefined, b: [-0], c: Object.create(null) })
  })
})

test('numbers are written as Kafka writes them', () => {
  expect(encoded(int32(), -2).toString('hex')).toBe('fffffffe')
  expect(encoded(int64(), -2).toString('hex')).toBe('fffffffffffffffe')
  expect(encoded(int64(), 2 ** 32 + 1).toString('hex')).toBe('0000000100000001')
  expect(encoded(float64(), 1.5).toString('hex')).toBe('3ff8000000000000')
})

test('0 and -0, which are equal, are the same bytes', () => {
  for (const serde of [int32(), int64(), float64()]) expect(encoded(serde, -0)).toEqual(encoded(serde, 0))
})

describe('order', () => {
  const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
  const byNumber = (a: number, b: number) => Number(a > b) - Number(a < b)
  const ordered = <K>(name: string, key: Serde<K>, keys: fc.Arbitrary<K>, compare: (a: K, b: K) => number) =>
    test(`windowed(${name}) sorts by key, then by start`, () => {
      const serde = windowed(key)
      expect(serde.order).toBe('bytes')
      fc.assert(
        fc.property(keys, keys, fc.boolean(), safeInteger, safeInteger, (a, b, same, startA, startB) => {
          const second = same ? a : b
          const expected = Math.sign(compare(a, second)) || byNumber(startA, startB)
          const left = encoded(serde, { key: a, window: { start: startA, end: 0 } })
          const right = encoded(serde, { key: second, window: { start: startB, end: 0 } })
          expect(Buffer.compare(left, right)).toBe(expected)
        }),
      )
    })
  ordered('string', string(), fc.string({ unit: fc.constantFrom('\0', '\u0001', 'a', 'ÿ', '𐀀') }), byCodePoint)
  ordered('int32', int32(), wholeInt32, byNumber)
  ordered('int64', int64(), safeInteger, byNumber)
  ordered('float64', float64(), fc.double({ noNaN: true }), byNumber)
})

describe('a value of another type is refused', () => {
  const bad = <T>(what: string, serde: Serde<T>, hex: string) =>
    test(`${serde.name}: ${what}`, () => {
      expect(() => decoded(serde, Buffer.from(hex, 'hex'))).toThrow()
    })
  bad('three bytes', int32(), '000001')
  bad('four bytes', int64(), '00000001')
  bad('beyond the safe integers', int64(), '0020000000000000')
  bad('nine bytes', float64(), '000000000000000000')
  bad('bytes that are no UTF-8', string(), '61ff62')
  bad('a character that is cut off', string(), 'e282')
  bad('bytes that are no UTF-8 inside of a string', json(), '2261ff6222')
  bad('nothing', json(), '')
  bad('null', json(), Buffer.from('null').toString('hex'))
  bad('nil', msgpack(), 'c0')
  bad('a map that is cut off', msgpack(), '82a161')
  bad('two values', msgpack(), '0102')
  bad('no window', windowed(string()), '6161')

  const unencodable: readonly (readonly [string, Serde<never>, unknown])[] = [
    ['half a surrogate pair', string(), 'a\ud800'],
    ['a number', string(), 1],
    ['undefined', json(), undefined],
    ['a function', json(), () => 1],
    ['NaN', json(), Number.NaN],
    ['a promise', json(), Promise.resolve(1)],
    ['undefined', msgpack(), undefined],
    ['a function', msgpack(), () => 1],
    ['a promise', msgpack(), Promise.resolve(1)],
    ['2^31', int32(), 2 ** 31],
    ['a fraction', int64(), 1.5],
    ['2^53', int64(), 2 ** 53],
    ['text', float64(), '1'],
    ['text', bytes(), 'abc'],
  ] as unknown as readonly (readonly [string, Serde<never>, unknown])[]
  test.each(unencodable)('%s: %o cannot be encoded', (_what, serde, value) => {
    expect(() => (serde as Serde<unknown>).encode(value, new ByteWriter())).toThrow()
  })

  test('a number in JSON that the serde cannot hold is refused', () => {
    expect([2 ** 31 - 1, -(2 ** 31)].map((value) => int32().fromJson?.(value))).toEqual([2 ** 31 - 1, -(2 ** 31)])
    for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, '1'])
      expect(() => int32().fromJson?.(value)).toThrow(/whole number/)
  })

  test('the replacement character itself is an ordinary character', () => {
    expect(decoded(string(), Buffer.from('a\uFFFDb'))).toBe('a\uFFFDb')
  })
})

test('keys that are equal have equal bytes, in a window too: 0 and -0', () => {
  const serde = windowed(float64())
  const bytesOf = (key: number) => {
    const out = new ByteWriter()
    serde.encode({ key, window: { start: 0, end: 1 } }, out)
    return out.toBytes()
  }
  expect(bytesOf(-0)).toEqual(bytesOf(0))
})
