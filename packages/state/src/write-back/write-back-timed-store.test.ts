import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { type LevelEngine, levelDb } from '../level-engine.ts'
import { openTaskState } from '../open-task-state.ts'
import { CountedEngine } from '../testing/counted-engine.ts'
import { MemoryChangelog } from '../testing/memory-changelog.ts'
import { int32, text } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import { visit } from '../testing/window-entries.ts'

const STORES = [
  store('intervals', text, int32, { kind: 'interval' }),
  store('instants', text, int32, { kind: 'instant' }),
]

test('What is deleted or expires leaves nothing behind: no entries, no index, no times of its key', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  let state = await open(directory)
  const fill = () => {
    const [intervals, instants] = storesOf(state)
    for (let at = 0; at < 1000; at++) {
      intervals.set(intervals.find(`key ${at % 300}`, at, at + 10), at)
      instants.set(instants.find(at % 2 === 0 ? 'hot' : `key ${at}`, at, 7), at)
    }
  }
  fill()
  await commit(state, changelog)
  expect((await keysIn(directory, state)).filter((key) => key.startsWith('\x02')).length).toBeGreaterThan(800)
  state = await open(directory)
  expect(state.position.nextOffset).toBeGreaterThan(2000)
  const [intervals, instants] = storesOf(state)
  for (const entry of [...visit(intervals)]) intervals.set(intervals.find(entry.key, entry.start, entry.end), undefined)
  while (instants.expire(2000)) await commit(state, changelog)
  await commit(state, changelog)
  expect(await keysIn(directory, state)).toEqual(['\0identity', '\0position'])

  // The same from the changelog, in runs that have the entries and their deletions apart.
  const restored = temporaryDirectory()
  state = await open(restored)
  await changelog.restore(state, 1)
  expect(await keysIn(restored, state)).toEqual(['\0identity', '\0position'])
})

test('A change that is taken back leaves no time of its key', async () => {
  const directory = temporaryDirectory()
  const state = await open(directory)
  const [intervals] = storesOf(state)
  state.mark()
  intervals.set(intervals.find('a', 0, 10), 1)
  expect([...intervals.ofKey('a', 0, 5)].map(({ value }) => value)).toEqual([1])
  state.rewind()
  expect([...intervals.ofKey('a', 0, 5)]).toEqual([])
  await commit(state, new MemoryChangelog())
  expect(await keysIn(directory, state)).toEqual(['\0identity', '\0position'])
})

test('A range of a key reads the chunks that it returns, of thousands of instants', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  const first = await open(directory)
  const [, filled] = storesOf(first)
  for (let at = 0; at < 20_000; at++) filled.set(filled.find('hot', at, 0), at)
  await commit(first, changelog)
  await first.close()
  const engine = new CountedEngine(2)
  const state = await open(directory, engine)
  const [, instants] = storesOf(state)
  const found = [...instants.ofKey('hot', 10_000, 10_100)]
  expect(found.map(({ at, value }) => [at, value])).toEqual(
    Array.from({ length: 100 }, (_, n) => [10_000 + n, 10_000 + n]),
  )
  // The row, and the one or two chunks of 256 instants that the range is in.
  expect(engine.reads).toBeLessThanOrEqual(3)
  await state.close()
})

test('A range of time reads the pages that it returns, of a hundred thousand different times', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  const first = await open(directory)
  const [, filled] = storesOf(first)
  for (let at = 0; at < 100_000; at++) filled.set(filled.find(`key ${at % 1000}`, at * 1000, 0), at)
  await commit(first, changelog)
  await first.close()
  const engine = new CountedEngine(1)
  const state = await open(directory, engine)
  const [, instants] = storesOf(state)
  const range = (reverse: boolean) => [...visit(instants, 50_000_000, 50_100_000, reverse)].map(({ value }) => value)
  const wanted = Array.from({ length: 100 }, (_, n) => 50_000 + n)
  expect(range(false)).toEqual(wanted)
  expect(range(true)).toEqual(wanted.reverse())
  // A page has more than a hundred entries. Each of the 200 times reads the page that it is in, which stays in memory.
  expect(engine.reads).toBeLessThan(10)
  expect(instants.firstTime(99_999_001)).toBeUndefined()
  expect(instants.lastTime(0)).toBeUndefined()
  await state.close()
})

test('An entry that comes again after it has expired expires again', async () => {
  const state = await open(temporaryDirectory())
  const [intervals] = storesOf(state)
  for (let round = 0; round < 3; round++) {
    intervals.set(intervals.find('a', 0, 10), 1)
    intervals.set(intervals.find('b', 5, 15), 1)
    while (intervals.expire(11));
    expect([...visit(intervals)].map(({ key }) => key)).toEqual(['b'])
    if (round === 1) await commit(state, new MemoryChangelog())
  }
  await state.close()
})

test('An interval that does not end after it starts is rejected', async () => {
  const state = await open(temporaryDirectory())
  const [intervals] = storesOf(state)
  expect(() => intervals.find('a', 5, 5)).toThrow(RangeError)
  expect(() => intervals.find('a', 5, 4)).toThrow(RangeError)
  await state.close()
})

function storesOf(state: TaskState) {
  return [state.intervalStore<string, number>('intervals'), state.instantStore<string, number>('instants')] as const
}

async function open(directory: string, engine?: LevelEngine): Promise<TaskState> {
  const place = { directory, job: 'job', task: '0-0', stores: STORES, inputs: ['input'], env: nodeEnv() }
  return (await openTaskState({ ...place, ...(engine && { engine }) })).state
}

async function commit(state: TaskState, changelog: MemoryChangelog): Promise<void> {
  const frozen = state.freeze(changelog, 0, new Map([['input', { offset: 1, progress: null }]]))
  await state.apply(frozen, changelog.commitNow())
}

/** Closes the state. */
async function keysIn(directory: string, state: TaskState): Promise<string[]> {
  await state.close()
  const level = await levelDb.open(directory)
  const keys = await level.keys({ gte: Buffer.of(), lt: Buffer.of(0xff) }).all()
  await level.close()
  return keys.map((key) => key.toString('latin1'))
}

test('an entry that comes and goes between two commits is not come by again, unless its deletion is taken back', async () => {
  const state = await open(temporaryDirectory())
  const [intervals] = storesOf(state)
  const entry = (end: number) => intervals.find('a', 0, end)
  intervals.set(entry(10), 1)
  for (let end = 11; end < 20; end++) {
    intervals.set(entry(end - 1), undefined)
    intervals.set(entry(end), 1)
  }
  expect(intervals.firstTime(0)).toBe(19)
  state.mark()
  intervals.set(entry(19), undefined)
  intervals.set(entry(5), 2)
  state.rewind()
  expect(intervals.firstTime(6)).toBe(19)
  expect([...intervals.ofKey('a', 0, 100)].map(({ end, value }) => [end, value])).toEqual([[19, 1]])
  state.mark()
  intervals.set(entry(19), undefined)
  state.release()
  expect(intervals.firstTime(6)).toBeUndefined()
  const [same, other] = [entry(19), entry(30)]
  intervals.set(other, 3)
  intervals.set(same, 4)
  expect([...intervals.ofKey('a', 0, 100)].map(({ end, value }) => [end, value])).toEqual([
    [19, 4],
    [30, 3],
  ])
  await commit(state, new MemoryChangelog())
  expect(entry(19).value).toBe(4)
  expect(intervals.firstTime(6)).toBe(19)
})
