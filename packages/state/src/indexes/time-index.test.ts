import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { Level } from 'level'
import { expect, test, vi } from 'vitest'
import { KeyCodec } from '../codecs/key-codec.ts'
import { Database } from '../database.ts'
import { levelDb } from '../level-engine.ts'
import { openTaskState } from '../open-task-state.ts'
import { CountedEngine } from '../testing/counted-engine.ts'
import { MemoryChangelog } from '../testing/memory-changelog.ts'
import { int32, text } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import { entriesOf } from '../testing/window-entries.ts'
import { writeFlushed } from '../testing/write-flushed.ts'
import { TimeIndex } from './time-index.ts'
import type { PagePlace } from './time-page.ts'

// Hundreds of databases are opened, perhaps on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const KEYS = Array.from({ length: 2000 }, (_, n) => `key-${n}`)

test('Expired windows leave nothing behind: no entries, no index', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  const state = await open(directory)
  for (let start = 0; start < 50; start += 10) {
    setAll(state, start, 1)
    await commit(state, changelog)
  }
  const windows = state.windowStore<string, number>('windows')
  while (windows.expire(40));
  await commit(state, changelog)
  await state.close()
  expect(await keysIn(directory)).toEqual({ entries: KEYS.length, pages: expect.toSatisfy((pages) => pages < 8) })

  const again = await open(directory)
  // Read from LevelDB alone: nothing is in memory.
  while (again.windowStore('windows').expire(50));
  await commit(again, changelog)
  await again.close()
  expect(await keysIn(directory)).toEqual({ entries: 0, pages: 0 })
})

test('A key is in the index once, however often the changelog has it, and however its groups are cut', async () => {
  const changelog = new MemoryChangelog()
  const live = await open(temporaryDirectory())
  for (let value = 0; value < 6; value++) {
    setAll(live, 0, value)
    await commit(live, changelog)
  }
  await live.close()
  const directory = temporaryDirectory()
  const restored = await open(directory)
  await changelog.restore(restored, 2)
  await restored.close()
  const pages = await pagesIn(directory)
  const keys = pages.flatMap((page) => page.toString('latin1').match(/key-\d+/g) ?? [])
  expect(keys.sort()).toEqual([...KEYS].sort())
})

test('Windows are visited by time, live and stored ones, and what is deleted in memory is not', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  let state = await open(directory)
  const put = (key: string, start: number, value: number | undefined) => {
    const windows = state.windowStore<string, number>('windows')
    windows.set(windows.find(key, start), value)
  }
  put('b', -10, 1)
  put('a', 10, 2)
  put('b', 10, 3)
  put('a', 20, 4)
  await commit(state, changelog)
  await state.close()
  state = await open(directory)
  put('b', 10, undefined)
  put('c', 10, 5)
  put('a', 15, 6)
  const visited = entriesOf(state.windowStore<string, number>('windows'), -10, 20)
  expect(visited.sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))).toEqual([
    ['b', -10, 1],
    ['a', 10, 2],
    ['c', 10, 5],
    ['a', 15, 6],
  ])
  await state.close()
})

test('What is frozen and not applied yet, and what came after, is seen, however full the memory is', async () => {
  const changelog = new MemoryChangelog()
  const state = await open(temporaryDirectory(), 1)
  const windows = state.windowStore<string, number>('windows')
  const put = (key: string, value: number) => windows.set(windows.find(key, 0), value)
  const visited = () => {
    const sorted = entriesOf(windows, 0, 10).sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.map(([, , value]) => value)
  }
  put('a', 1)
  put('b', 2)
  const frozen = state.freeze(changelog, 0, new Map())
  expect([windows.find('a', 0).value, windows.find('b', 0).value, visited()]).toEqual([1, 2, [1, 2]])
  await state.apply(frozen, changelog.commitNow())
  // Empties the window that was used last.
  await commit(state, changelog)
  put('a', 3)
  expect(visited()).toEqual([3, 2])
  await state.close()
})

test('A page of the index is closed at 4 KiB, and at most 256 stay in memory from one commit to the next', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  const state = await open(directory)
  setAll(state, 0, 1)
  await commit(state, changelog)
  await state.close()
  const full = await pagesIn(directory)
  expect(full.length).toBeGreaterThan(4)
  for (const page of full) expect(page.length).toBeLessThan(4096 + 100)

  const engine = new CountedEngine(1)
  const again = await open(temporaryDirectory(), 1000, engine)
  const windows = again.windowStore<string, number>('windows')
  for (const key of ['a', 'b']) {
    // One such key takes more than half of a page, so that each window has its own.
    for (let start = 0; start < 3000; start += 10) windows.set(windows.find(key.repeat(2100), start), 1)
    engine.reads = 0
    await commit(again, new MemoryChangelog())
  }
  expect(engine.reads).toBe(300 - 256)
  await again.close()
})

test('An index finds the entries of every time, and the next time, whatever comes, goes and is cut', async () => {
  const time = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.maxSafeInteger())
  // About six entries fill a page, so that pages are cut and closed.
  const id = fc.integer({ min: 0, max: 30 }).map((at) => String.fromCharCode(65 + at).repeat(at % 3 === 0 ? 3 : 600))
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.record({ kind: fc.constant('add' as const), time, id }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('remove' as const), time, id }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('expire' as const), time, id }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('commit' as const, 'reload' as const), time, id }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async (steps) => {
      const database = new Database(temporaryDirectory(), '0-0', nodeEnv(), levelDb)
      await database.open()
      const codec = new KeyCodec('windows', text, true)
      let index = new TimeIndex(database, codec)
      /** The entries by time, and whether each may be missing. */
      const model = new Map<number, Map<string, boolean>>()
      const flush = async () => {
        await writeFlushed(index, database)
        index.applied()
      }
      for (const { kind, time: at, id: entry } of steps) {
        if (kind === 'add') {
          index.add(at, Buffer.from(entry), 0, entry.length)
          const entries = model.get(at) ?? new Map<string, boolean>()
          model.set(at, entries.set(entry, false))
        } else if (kind === 'remove') {
          if (model.get(at)?.get(entry) === false) {
            index.remove(at, entry)
            model.get(at)?.set(entry, true)
          }
        } else if (kind === 'expire') {
          const dropped = new Set<string>()
          while (
            index.expire(at, (when, bytes, from, to) => dropped.add(`${when} ${bytes.toString('utf8', from, to)}`))
          );
          for (const [when, entries] of model) {
            if (when >= at) continue
            for (const [each, mayMiss] of entries) if (!mayMiss) expect(dropped).toContain(`${when} ${each}`)
            model.delete(when)
          }
        } else await flush()
        if (kind === 'reload') {
          index = new TimeIndex(database, codec)
          await index.load()
        }
        if (kind === 'add' || kind === 'remove') continue
        check(index, model)
      }
      await flush()
      check(index, model)
      await database.close()
    }),
    { numRuns: 60 },
  )
})

test('An entry that is added after the last one of its page was removed is in the index', async () => {
  const database = new Database(temporaryDirectory(), '0-0', nodeEnv(), levelDb)
  await database.open()
  const index = new TimeIndex(database, new KeyCodec('windows', text, true))
  index.add(5, Buffer.from('a'), 0, 1)
  index.remove(5, 'a')
  index.add(5, Buffer.from('b'), 0, 1)
  check(index, new Map([[5, new Map([['b', false]])]]))
  await database.close()
})

/** The index has every entry that was not removed, no other one, and no time without entries before the next with some. */
function check(index: TimeIndex, model: ReadonlyMap<number, ReadonlyMap<string, boolean>>): void {
  const times = [...model.keys()].sort((a, b) => a - b)
  for (const from of [Number.NEGATIVE_INFINITY, -3, 0, ...times.map((time) => time + 1)]) {
    const first = index.firstTime(from)
    const certain = times.find((time) => time >= from && [...(model.get(time)?.values() ?? [])].includes(false))
    if (certain !== undefined) expect(first).toBeLessThanOrEqual(certain)
    if (first !== undefined) expect(times.filter((time) => time >= from)).toContain(first)
  }
  for (const [time, entries] of model) {
    const found = new Set<string>()
    let page: PagePlace | undefined
    do {
      page = index.readPage(time, page, (_, bytes, from, to) => found.add(bytes.toString('utf8', from, to)))
    } while (page !== undefined)
    for (const [entry, mayMiss] of entries) if (!mayMiss) expect(found).toContain(entry)
    for (const entry of found) expect(entries.has(entry)).toBe(true)
    if (found.size > 0) expect(index.has(time)).toBe(true)
  }
}

test('A thousand windows with one key each share pages: the index does not grow with the number of windows', async () => {
  const directory = temporaryDirectory()
  const state = await open(directory)
  const windows = state.windowStore<string, number>('windows')
  for (let start = 0; start < 10_000; start += 10) windows.set(windows.find('key', start), 1)
  await commit(state, new MemoryChangelog())
  expect(windows.firstTime(5001)).toBe(5010)
  await state.close()
  expect((await pagesIn(directory)).length).toBeLessThan(10)
})

function setAll(state: TaskState, start: number, value: number): void {
  const windows = state.windowStore<string, number>('windows')
  for (const key of KEYS) windows.set(windows.find(key, start), value)
}

async function pagesIn(directory: string): Promise<Buffer[]> {
  const level = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const pages = await level.values({ gte: Buffer.of(1), lt: Buffer.of(2) }).all()
  await level.close()
  return pages
}

async function keysIn(directory: string) {
  const level = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const keys = await level.keys().all()
  await level.close()
  return {
    entries: keys.filter((key) => (key[0] ?? 0) > 1).length,
    pages: keys.filter((key) => key[0] === 1).length,
  }
}

async function commit(state: TaskState, changelog: MemoryChangelog): Promise<void> {
  const frozen = state.freeze(changelog, 0, new Map([['input', { offset: 1, progress: null }]]))
  await state.apply(frozen, changelog.commitNow())
}

async function open(directory: string, entriesMax = 1000, engine = levelDb): Promise<TaskState> {
  const stores = [store('windows', text, int32, 10)]
  const env = nodeEnv()
  const place = { directory, job: 'job', task: '0-0' }
  return (await openTaskState({ ...place, stores, inputs: ['input'], env, entriesMax, engine })).state
}
