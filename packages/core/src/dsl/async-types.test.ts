import { expectTypeOf, test } from 'vitest'
import { json } from '../serdes/json.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { job } from './job.ts'
import type { Output } from './output.ts'
import type { Stream } from './stream.ts'
import { stream } from './stream-of.ts'
import { topic } from './topic.ts'

const payments = topic('payments', { key: string(), value: json<{ cents: number }>() })
const keyless = topic('keyless', { value: int32() })

// Every line below is checked by the compiler; the calls themselves must not throw.
test('types flow through the callback of a call, its promise and its serde', () => {
  const rated = stream(payments).mapAsync('rates', async ({ cents }, key, context) => {
    expectTypeOf(cents).toEqualTypeOf<number>()
    expectTypeOf(key).toEqualTypeOf<string>()
    expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>()
    expectTypeOf(context.idempotencyKey).toEqualTypeOf<string>()
    return { rate: cents }
  })
  expectTypeOf(rated).toEqualTypeOf<Stream<string, { rate: number }>>()
  expectTypeOf(stream(keyless).mapAsync('calls', async (value) => value)).toEqualTypeOf<Stream<null, number>>()
  // @ts-expect-error: the callback returns no promise
  stream(payments).mapAsync('calls', ({ cents }) => cents)
  // @ts-expect-error: the serde is of other values
  stream(payments).mapAsync('calls', async ({ cents }) => cents, { value: string() })
  expectTypeOf(stream(payments).flatMapAsync('several', async ({ cents }) => [cents])).toEqualTypeOf<
    Stream<string, number>
  >()
  // @ts-expect-error: the promise gives no list
  stream(payments).flatMapAsync('several', async ({ cents }) => cents)
  const joined = stream(payments).joinRemote('rates', {
    by: ({ cents }) => cents,
    lookup: async (cents) => {
      expectTypeOf(cents).toEqualTypeOf<number>()
      return { rate: 2 }
    },
    join: ({ cents }, found, key) => {
      expectTypeOf(found).toEqualTypeOf<{ rate: number } | null>()
      expectTypeOf(key).toEqualTypeOf<string>()
      return [cents, found?.rate ?? 0]
    },
  })
  expectTypeOf(joined).toEqualTypeOf<Stream<string, number[]>>()
  const mails = stream(payments).effect('mails', async ({ cents }, _key, { idempotencyKey }) => [cents, idempotencyKey])
  expectTypeOf(mails).toEqualTypeOf<Output>()
  job('i', mails)
  job('j', rated.to(topic('rated', { key: string(), value: json<{ rate: number }>() })))
})
