import type { Serde } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyCodec } from '../codecs/key-codec.ts'
import { Database } from '../database.ts'
import { OrderIndex } from '../indexes/order-index.ts'
import { type LevelEngine, levelDb } from '../level-engine.ts'
import { openTaskState } from '../open-task-state.ts'
import { CountedEngine } from '../testing/counted-engine.ts'
import { MemoryChangelog } from '../testing/memory-changelog.ts'
import { int32, text } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import { writeFlushed } from '../testing/write-flushed.ts'

const RANKS = store('ranks', text, int32, { kind: 'sorted', order: int32 as unknown as Serde<never> })

test('A value that is set takes its place in the order and gives up the one before, in one commit, and in a restore', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  const state = await open(directory)
  const ranks = ranksOf(state)
  const put = (key: string, order: number | undefined) =>
    ranks.set(ranks.find(key), order === undefined ? undefined : { value: 1, order })
  for (let at = 0; at < 1000; at++) put(`key ${at}`, at)
  await commit(state, changelog)
  for (let at = 0; at < 1000; at += 2) put(`key ${at}`, at % 3 === 0 ? undefined : 5000 - at)
  const expected = [
    ...Array.from({ length: 500 }, (_, at) => [2 * at + 1, 2 * at + 1]),
    ...Array.from({ length: 1000 }, (_, at) => [5000 - at, at]).filter(([, at = 0]) => at % 2 === 0 && at % 3 !== 0),
  ].sort(([a = 0], [b = 0]) => a - b)
  const rows = (from: TaskState) =>
    Array.from(ranksOf(from).inOrder(), ({ key, value }) => [value?.order, Number(key.slice(4))])
  expect(rows(state)).toEqual(expected)
  await commit(state, changelog)
  expect(rows(state)).toEqual(expected)
  await state.close()
  expect(await placesIn(directory)).toBe(expected.length)

  // Each run of the restore has one commit, so that the second one finds what the first one wrote.
  const restored = temporaryDirectory()
  const again = await open(restored)
  await changelog.restore(again, 1)
  expect(rows(again)).toEqual(expected)
  await again.close()
  expect(await placesIn(restored)).toBe(expected.length)
})

test('The first entries in order cost the pages that have them, of tens of thousands', async () => {
  const directory = temporaryDirectory()
  const first = await open(directory)
  const filled = ranksOf(first)
  for (let at = 0; at < 30_000; at++) filled.set(filled.find(`key ${at}`), { value: at, order: (at * 7919) % 30_000 })
  await commit(first, new MemoryChangelog())
  await first.close()
  const engine = new CountedEngine(3)
  const state = await open(directory, engine)
  const top: (number | undefined)[] = []
  for (const { value } of ranksOf(state).inOrder({ reverse: true })) if (top.push(value?.order) === 10) break
  expect(top).toEqual(Array.from({ length: 10 }, (_, at) => 29_999 - at))
  expect(engine.reads).toBeLessThanOrEqual(2)
  const page = await state.committed<string, number>('ranks').range({ by: 'order', reverse: true, limit: 10 })
  expect(page.entries.map(({ value }) => (value * 7919) % 30_000)).toEqual(top)
  await state.close()
})

test('A change that is taken back leaves the order as it was', async () => {
  const directory = temporaryDirectory()
  const state = await open(directory)
  const ranks = ranksOf(state)
  const order = () => Array.from(ranks.inOrder(), ({ key }) => key)
  ranks.set(ranks.find('a'), { value: 1, order: 1 })
  ranks.set(ranks.find('b'), { value: 1, order: 2 })
  await commit(state, new MemoryChangelog())
  state.mark()
  ranks.set(ranks.find('a'), { value: 1, order: 3 })
  ranks.set(ranks.find('b'), undefined)
  ranks.set(ranks.find('c'), { value: 1, order: 0 })
  expect(order()).toEqual(['c', 'a'])
  state.rewind()
  expect(order()).toEqual(['a', 'b'])
  await commit(state, new MemoryChangelog())
  expect(order()).toEqual(['a', 'b'])
  await state.close()
  expect(await placesIn(directory)).toBe(2)
})

test('A sorted store whose order has another serde is rejected', async () => {
  const changelog = new MemoryChangelog()
  const state = await open(temporaryDirectory())
  await commit(state, changelog)
  await state.close()
  const other = store('ranks', text, int32, { kind: 'sorted', order: text as unknown as Serde<never> })
  const place = { directory: temporaryDirectory(), job: 'job', task: '0-0', inputs: ['input'], env: nodeEnv() }
  const changed = await openTaskState({ ...place, stores: [other] })
  await expect(changelog.restore(changed.state)).rejects.toMatchObject({ code: 'STATE_SERDE_CHANGED' })
  await changed.state.close()
})

test('the index of an order has the places that were added, in order, and at most 256 pages in memory', async () => {
  const place = fc.nat(2000).map((at) => `${String(at).padStart(5, '0')}${'x'.repeat(at % 50)}`)
  const step = fc.record({
    kind: fc.constantFrom('add' as const, 'add' as const, 'remove' as const, 'commit' as const, 'reload' as const),
    places: fc.array(place, { minLength: 1, maxLength: 100 }),
  })
  const codec = new KeyCodec('ranks', text, false)
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const database = new Database(temporaryDirectory(), '0-0', nodeEnv(), levelDb)
      await database.open()
      let index = new OrderIndex(database, codec)
      const model = new Set<string>()
      for (const { kind, places } of steps) {
        for (const each of kind === 'add' || kind === 'remove' ? places : []) {
          index[kind === 'add' ? 'add' : 'remove'](each)
          model[kind === 'add' ? 'add' : 'delete'](each)
        }
        if (kind === 'commit' || kind === 'reload') await flush(index, database)
        if (kind === 'reload') {
          index = new OrderIndex(database, codec)
          await index.load()
        }
        const sorted = [...model].sort()
        const found: string[] = []
        for (let at = index.atOrAfter(''); at !== undefined; at = index.atOrAfter(`${at}\0`)) found.push(at)
        expect(found).toEqual(sorted)
        for (const each of places) expect(index.before(each)).toBe(sorted.findLast((other) => other < each))
      }
      for (const each of model) index.remove(each)
      await flush(index, database)
      expect(await database.level.keys({ gte: Buffer.of(3), lt: Buffer.of(4) }).all()).toEqual([])
      await database.close()
    }),
    { numRuns: 40 },
  )
})

test('A page of an order is cut at 2 KiB, and at most 256 stay in memory from one commit to the next', async () => {
  const directory = temporaryDirectory()
  const engine = new CountedEngine(3)
  const state = await open(directory, engine)
  const ranks = ranksOf(state)
  const fill = () => {
    for (let at = 0; at < 40_000; at++)
      ranks.set(ranks.find(`key ${at}`), { value: 0, order: ranks.find(`key ${at}`).value?.order === at ? at + 1 : at })
  }
  fill()
  await commit(state, new MemoryChangelog())
  const level = await pagesIn(directory, state)
  expect(Math.max(...level)).toBeLessThan(2048 + 100)
  expect(level.length).toBeGreaterThan(400)
  const again = await open(directory, engine)
  const values = ranksOf(again)
  const changeAll = () => {
    for (let at = 0; at < 40_000; at += 50) values.set(values.find(`key ${at}`), { value: 1, order: 100_000 - at })
  }
  changeAll()
  await commit(again, new MemoryChangelog())
  engine.reads = 0
  for (const _ of values.inOrder()) void _
  expect(engine.reads).toBeGreaterThanOrEqual(level.length - 256)
  await again.close()
})

function ranksOf(state: TaskState) {
  return state.sortedStore<string, number, number>('ranks')
}

async function open(directory: string, engine?: LevelEngine): Promise<TaskState> {
  const place = { directory, job: 'job', task: '0-0', stores: [RANKS], inputs: ['input'], env: nodeEnv() }
  return (await openTaskState({ ...place, ...(engine && { engine }) })).state
}

async function commit(state: TaskState, changelog: MemoryChangelog): Promise<void> {
  const frozen = state.freeze(changelog, 0, new Map([['input', { offset: 1, progress: null }]]))
  await state.apply(frozen, await changelog.commit())
}

async function flush(index: OrderIndex, database: Database): Promise<void> {
  await writeFlushed(index, database)
  index.applied()
}

/** The sizes of the pages of the order. Closes the state. */
async function pagesIn(directory: string, state?: TaskState): Promise<number[]> {
  await state?.close()
  const level = await levelDb.open(directory)
  const keys = await level.keys({ gte: Buffer.of(3), lt: Buffer.of(4) }).all()
  const sizes = keys.map((key) => level.getSync(key)?.length ?? 0)
  await level.close()
  return sizes
}

/** How many places the order has in LevelDB. */
async function placesIn(directory: string): Promise<number> {
  const level = await levelDb.open(directory)
  const keys = await level.keys({ gte: Buffer.of(3), lt: Buffer.of(4) }).all()
  let places = 0
  for (const key of keys) {
    const page = level.getSync(key) ?? Buffer.of()
    for (let at = 4; at < page.length; at += 4 + page.readUInt32BE(at)) places++
  }
  await level.close()
  return places
}
