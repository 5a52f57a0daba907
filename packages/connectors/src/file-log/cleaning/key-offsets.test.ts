import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { COMPACTION_KEYS_MAX, KeyOffsets } from './key-offsets.ts'
import { Slices } from './slices.ts'

const env = nodeEnv()
const key = (number: number) => Buffer.from(`${number}`.padStart(9))

test('a table of key offsets holds as many keys as it has room for, and refuses one more', async () => {
  const keysMax = 10_000
  const offsets = new KeyOffsets(keysMax, env.random)
  for (const round of [0, 1]) {
    const first = 2 ** 40 + round
    await offsets.clear(first, new Slices(env))
    for (let number = 0; number < keysMax; number++) expect(offsets.note(key(number), 0, 9, first + number)).toBe(true)
    expect(offsets.note(key(keysMax), 0, 9, first + keysMax)).toBe(false)
    expect(offsets.note(key(7), 0, 9, first + keysMax)).toBe(true)
    expect(offsets.latest(key(7), 0, 9)).toBe(first + keysMax)
    expect(offsets.latest(key(8), 0, 9)).toBe(first + 8)
    expect(offsets.latest(key(keysMax), 0, 9)).toBe(-1)
  }
})

test('a table of key offsets refuses an offset too far from the first to be kept in 32 bits', async () => {
  const offsets = new KeyOffsets(10, env.random)
  await offsets.clear(5, new Slices(env))
  expect(offsets.note(key(1), 0, 9, 5 + 2 ** 32 - 2)).toBe(true)
  expect(offsets.latest(key(1), 0, 9)).toBe(5 + 2 ** 32 - 2)
  expect(offsets.note(key(2), 0, 9, 5 + 2 ** 32 - 1)).toBe(false)
})

test('a table of key offsets takes no more than 128 MiB', () => {
  expect(COMPACTION_KEYS_MAX).toBeGreaterThan(5_000_000)
  expect(new KeyOffsets(COMPACTION_KEYS_MAX, env.random).bytes).toBeLessThanOrEqual(128 * 1024 * 1024)
})
