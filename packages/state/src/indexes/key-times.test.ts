import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyCodec } from '../codecs/key-codec.ts'
import { Database } from '../database.ts'
import { levelDb } from '../level-engine.ts'
import { text } from '../testing/serdes.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import { writeFlushed } from '../testing/write-flushed.ts'
import { KeyTimes } from './key-times.ts'

const codec = new KeyCodec('intervals', text, true)
const latestOf = (_: number, end: number) => end - 1

test('the times of a key are those that were added, in order, however many come and go', async () => {
  // Each step adds or removes many neighbouring places, so that rows are cut into chunks, and become small again.
  const step = fc.record({
    kind: fc.constantFrom('add' as const, 'add' as const, 'remove' as const, 'commit' as const, 'reopen' as const),
    start: fc.integer({ min: -5, max: 5 }),
    apart: fc.constantFrom(0, 0, 0, 1, 7, -3),
    length: fc.integer({ min: 1, max: 400 }),
    key: fc.constantFrom('a', 'a', 'a\0'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const database = new Database(temporaryDirectory(), '0-0', nodeEnv(), levelDb)
      await database.open()
      const times = new KeyTimes(database, codec, latestOf)
      const model = new Map<string, Set<string>>()
      for (const { kind, start, apart, length, key } of steps) {
        // Without a distance, the places differ in their ends.
        const places = Array.from({ length: 200 }, (_, n) => {
          const from = apart === 0 ? 0 : start * 10 + n * apart
          return [from, from + length + (apart === 0 ? n : 0)] as const
        })
        const own = model.get(key) ?? new Set()
        model.set(key, own)
        for (const [from, to] of kind === 'add' || kind === 'remove' ? places : []) {
          if (kind === 'add') {
            times.add(key, from, to)
            own.add(`${from} ${to}`)
          } else {
            times.remove(key, from, to)
            own.delete(`${from} ${to}`)
          }
        }
        if (kind === 'commit' || kind === 'reopen') await flush(times, database)
        if (kind === 'reopen') times.clear()
        check(times, model)
      }
      await flush(times, database)
      times.clear()
      check(times, model)
      const rows = [...model.values()].filter(({ size }) => size > 0).length
      const chunks = [...model.values()].reduce((sum, { size }) => sum + size / 128, 0)
      const keys = await database.level.keys({ gte: Buffer.of(2), lt: Buffer.of(3) }).all()
      expect(keys.length).toBeGreaterThanOrEqual(rows)
      expect(keys.length).toBeLessThan(1 + rows * 50 + 4 * chunks)
      await database.close()
    }),
    { numRuns: 40 },
  )
})

test('A row is cut into chunks of at most 256 places', async () => {
  const database = new Database(temporaryDirectory(), '0-0', nodeEnv(), levelDb)
  await database.open()
  const times = new KeyTimes(database, codec, latestOf)
  for (let at = 0; at < 1024; at++) times.add('a', at, at + 1)
  await flush(times, database)
  const values = []
  for (const key of await database.level.keys({ gte: Buffer.of(2), lt: Buffer.of(3) }).all())
    values.push(database.get(key))
  expect(values.map((value) => value?.length).sort()).toEqual([
    1 + 4 + 4 * 28,
    ...Array.from({ length: 4 }, () => 4 + 4096),
  ])
  await database.close()
})

async function flush(times: KeyTimes, database: Database): Promise<void> {
  await writeFlushed(times, database)
  times.evict()
}

function check(times: KeyTimes, model: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [key, places] of model) {
    const all = [...places].map((place) => place.split(' ').map(Number) as [number, number])
    all.sort(([a, x], [b, y]) => a - b || x - y)
    for (const [from, to] of [
      [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
      [-10, 30],
      [100, 101],
    ] as const) {
      expect(times.between(key, from, to)).toEqual(all.filter(([start, end]) => start < to && end > from).flat())
    }
  }
}
