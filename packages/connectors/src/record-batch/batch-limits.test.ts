import { string } from '@millrace/core'
import { expect, test } from 'vitest'
import { BatchBuilder } from './batch-builder.ts'

function append(batch: BatchBuilder, value: string, timestamp = 0): void {
  batch.append(timestamp, null, 0, 0, value, string(), [])
}

test('a batch is full at 5000 records, however small', () => {
  const batch = new BatchBuilder(1000)
  for (let record = 0; record < 4999; record++) append(batch, '')
  expect(batch.full).toBe(false)
  append(batch, '')
  expect(batch.full).toBe(true)
})

test('a batch is full at 1 MiB, however few its records are', () => {
  const batch = new BatchBuilder(1024 * 1024)
  append(batch, 'x'.repeat(1024 * 1024 - 1000))
  expect(batch.full).toBe(false)
  append(batch, 'x'.repeat(1000))
  expect(batch.full).toBe(true)
})

test('a timestamp goes up to 2⁵¹, where differences can still be written exactly', () => {
  const batch = new BatchBuilder(1000)
  append(batch, 'last', 2 ** 51)
  for (const timestamp of [2 ** 51 + 1, -1, 0.5, Number.NaN]) {
    expect(() => append(batch, 'never', timestamp)).toThrow(expect.objectContaining({ code: 'BAD_TIMESTAMP' }))
  }
  expect(batch.count).toBe(1)
})
