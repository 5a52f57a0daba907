import { strictUtf8 } from '@millrace/core/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BatchText } from './batch-text.ts'

const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 10 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 20_000, maxLength: 20_010 }) },
)
/** A value, and what follows it in the batch: bytes that are not text. */
const part = fc.record({
  value: fc.oneof(
    { weight: 5, arbitrary: text.map((each) => Buffer.from(each)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }).map((each) => Buffer.from(each)) },
  ),
  between: fc.uint8Array({ maxLength: 7 }).map((each) => Buffer.from(each)),
  isRead: fc.boolean(),
})
const batch = fc.array(part, { maxLength: 12 })

test('the text of a batch is what decoding each value alone returns, and the same values are rejected', () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 4 }), fc.nat(7), (batches, shift) => {
      const reader = new BatchText()
      const bytes = Buffer.from(new ArrayBuffer(800_000), shift)
      for (const parts of batches) {
        // The next batch is in the same buffer, over the one before.
        reader.begin(bytes)
        const limit = Buffer.concat(parts.flatMap(({ value, between }) => [value, between])).copy(bytes)
        let at = 0
        for (const { value, between, isRead } of parts) {
          const end = at + value.length
          if (isRead) {
            expect(outcome(() => reader.read(at, end, limit))).toEqual(
              outcome(() => strictUtf8(value, 0, value.length)),
            )
          }
          at = end + between.length
        }
      }
    }),
  )
})

test('the text of a value at the very end of its memory is read', () => {
  for (const size of [1, 5, 6, 7, 8, 9]) {
    const bytes = Buffer.from(new ArrayBuffer(size)).fill('a')
    const reader = new BatchText()
    reader.begin(bytes)
    expect(reader.read(0, size, size)).toBe('a'.repeat(size))
    bytes[size - 1] = 0xe9
    reader.begin(bytes)
    expect(() => reader.read(0, size, size)).toThrow()
  }
})

function outcome(read: () => string): string | null {
  try {
    return read()
  } catch {
    return null
  }
}
