import { expect, test } from 'vitest'
import { partitionOf } from './partitioner.ts'

// Hashes from Kafka's own UtilsTest.testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('the key %j is put where Kafka puts it', (key, hash) => {
  const bytes = Buffer.from(key)
  for (const partitions of [1, 3, 12, 1000]) {
    expect(partitionOf(bytes, 0, bytes.length, partitions)).toBe((hash & 0x7fffffff) % partitions)
  }
})

test('a key inside a larger buffer is put where the key alone is', () => {
  const bytes = Buffer.from('--foobar--')
  expect(partitionOf(bytes, 2, 8, 1000)).toBe(partitionOf(Buffer.from('foobar'), 0, 6, 1000))
})
