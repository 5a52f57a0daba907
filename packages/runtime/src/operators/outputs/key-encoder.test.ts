import { type ByteWriter, type Serde, string } from '@millrace/core'
import { expect, test } from 'vitest'
import { KeyEncoder } from './key-encoder.ts'

/** A serde of texts that counts how often it is called. */
function countingSerde(): { readonly serde: Serde<unknown>; encoded: number } {
  const text = string() as unknown as Serde<unknown>
  const counting = {
    encoded: 0,
    serde: {
      ...text,
      name: text.name,
      primitive: true,
      encode(value: unknown, out: ByteWriter) {
        counting.encoded++
        text.encode(value, out)
      },
    } as Serde<unknown>,
  }
  return counting
}

test('a key that comes again is not encoded again', () => {
  const counting = countingSerde()
  const keys = new KeyEncoder('step', counting.serde, 4)
  keys.encode('a')
  const { partition } = keys
  keys.encode('b')
  keys.encode('a')
  expect([keys.bytes.toString('utf8', 0, keys.end), keys.partition, counting.encoded]).toEqual(['a', partition, 2])
})

test('a stream of ever new keys does not fill the memory: at most 4096 are remembered', () => {
  const counting = countingSerde()
  const keys = new KeyEncoder('step', counting.serde, 4)
  for (let key = 0; key <= 4096; key++) keys.encode(`${key}`)
  const before = counting.encoded
  keys.encode('0')
  expect(counting.encoded).toBe(before + 1)
})

test('a key that its serde cannot carry is an error of the record that names the step', () => {
  const keys = new KeyEncoder('step', string() as unknown as Serde<unknown>, 4)
  expect(() => keys.encode(5)).toThrow(
    expect.objectContaining({
      code: 'RECORD_UNENCODABLE',
      message: expect.stringContaining('step cannot write a key'),
    }),
  )
})
