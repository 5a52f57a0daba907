import { expect, test } from 'vitest'
import { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { job } from '../dsl/job.ts'
import { stream } from '../dsl/stream-of.ts'
import { topic } from '../dsl/topic.ts'
import { json } from './json.ts'
import { msgpack } from './msgpack.ts'
import { nullable } from './nullable.ts'
import { float64 } from './numbers.ts'
import { serde } from './serde.ts'
import { readsSerde } from './serde-versions.ts'
import { string } from './string.ts'

const one = serde.versioned('account', json<{ cents: number }>())
const two = one.next(json<{ amount: number }>(), ({ cents }) => ({ amount: cents / 100 }))
const three = two.next(msgpack<{ amount: number; currency: string }>(), ({ amount }) => ({ amount, currency: 'EUR' }))

function bytesOf<T>(from: Serde<T>, value: T): Buffer {
  const out = new ByteWriter(4)
  from.encode(value, out)
  return out.toBytes()
}

function read<T>(to: Serde<T>, bytes: Buffer): T {
  return to.decode(Buffer.concat([Buffer.of(1), bytes, Buffer.of(2)]), 1, 1 + bytes.length)
}

test('a serde with versions reads what each earlier version wrote, and what was written without versions', () => {
  const plain = bytesOf(json<{ cents: number }>(), { cents: 250 })
  expect(bytesOf(one, { cents: 250 })).toEqual(plain)
  expect(read(three, plain)).toEqual({ amount: 2.5, currency: 'EUR' })
  expect(read(three, bytesOf(two, { amount: 3 }))).toEqual({ amount: 3, currency: 'EUR' })
  const last = { amount: 4, currency: 'CHF' }
  expect(read(three, bytesOf(three, last))).toEqual(last)
  expect(three.fromJson(three.toJson(last))).toEqual(last)
})

test('a value of a later version is refused with both versions, and what the last serde cannot carry too', () => {
  const later = bytesOf(three, { amount: 4, currency: 'CHF' })
  expect(() => read(two, later)).toThrow('version 3 of account, and this job reads versions 1 to 2')
  expect(() => three.normalize?.({ amount: 1, currency: Symbol('a') as never })).toThrow('currency')
})

test.each(['string', 'msgpack'] as const)('versions may begin with %s', (name) => {
  const first: Serde<unknown> = name === 'string' ? string() : msgpack<unknown>()
  const next = serde.versioned('text', first).next(float64(), (value) => String(value).length)
  expect(read(next, bytesOf(first, 'Ácà'))).toBe(3)
  expect(read(next, bytesOf(first, ''))).toBe(0)
  expect(read(next, bytesOf(next, 7.5))).toBe(7.5)
})

test('versions cannot begin with a serde whose bytes may be any, and need a valid name', () => {
  expect(() => serde.versioned('a', float64())).toThrow(expect.objectContaining({ code: 'JOB_INVALID' }))
  expect(() => serde.versioned('a b', json())).toThrow(expect.objectContaining({ code: 'BAD_NAME' }))
})

test('keys have no versions', () => {
  const keyed = topic('t', { key: one, value: json<number>() })
  expect(() => job('a', stream(keyed).groupByKey().count('counts'))).toThrow(/account@1\(json\).*equal keys/s)
})

test.each([
  [two.name, one.name, true],
  [two.name, 'json', true],
  [three.name, two.name, true],
  [one.name, two.name, false],
  ['json', one.name, false],
  [two.name, 'string', false],
  [two.name, 'other@1(json)', false],
  [two.name, 'account@1(msgpack)', false],
  [nullable(three).name, nullable(one).name, true],
  [nullable(three).name, 'nullable(json)', true],
  [nullable(three).name, one.name, false],
  [`pair(${two.name},${three.name})`, `pair(json,${two.name})`, true],
  [`pair(${two.name},${one.name})`, `pair(json,${two.name})`, false],
])('whether %s reads what %s wrote: %s', (wanted, found, reads) => {
  expect(readsSerde(wanted, found)).toBe(reads)
})
