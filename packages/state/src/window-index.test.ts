import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { Level } from 'level'
import { expect, test, vi } from 'vitest'
import { openTaskState } from './open-task-state.ts'
import { MemoryChangelog } from './testing/memory-changelog.ts'
import { int32, text } from './testing/serdes.ts'
import { store } from './testing/store.ts'
import { temporaryDirectory } from './testing/temporary-directory.ts'
import { entriesOf } from './testing/window-entries.ts'

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
  expect(await keysIn(directory)).toEqual({ entries: KEYS.length, windows: ['40'] })

  const again = await open(directory)
  // Read from LevelDB alone: nothing is in memory.
  while (again.windowStore('windows').expire(50));
  await commit(again, changelog)
  await again.close()
  expect(await keysIn(directory)).toEqual({ entries: 0, windows: [] })
})

test('A key is in the index once, however often the changelog says it, and however its groups are cut', async () => {
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

test('A page of the index is closed at 4 KiB, and at most 256 are kept open from one commit to the next', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  const state = await open(directory)
  setAll(state, 0, 1)
  await commit(state, changelog)
  await state.close()
  const full = await pagesIn(directory)
  expect(full.length).toBeGreaterThan(5)
  for (const page of full) expect(page.length).toBeLessThan(4096 + 100)

  const many = temporaryDirectory()
  const again = await open(many)
  const windows = again.windowStore<string, number>('windows')
  for (const key of ['a', 'b']) {
    for (let start = 0; start < 3000; start += 10) windows.set(windows.find(key, start), 1)
    await commit(again, new MemoryChangelog())
  }
  await again.close()
  // Of 300 windows, 44 had their page closed by the first commit, and got another page.
  expect(await pagesIn(many)).toHaveLength(300 + 44)
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
  const pages = keys.filter((key) => key[0] === 1)
  const starts = pages.map((key) => String(key.readUInt32BE(key.length - 8)))
  return { entries: keys.filter((key) => (key[0] ?? 0) > 1).length, windows: [...new Set(starts)] }
}

async function commit(state: TaskState, changelog: MemoryChangelog): Promise<void> {
  const frozen = state.freeze(changelog, 0, new Map([['input', { offset: 1, progress: null }]]))
  await state.apply(frozen, changelog.commitNow())
}

async function open(directory: string, entriesMax = 1000): Promise<TaskState> {
  const stores = [store('windows', text, int32, 10)]
  const env = nodeEnv()
  return (await openTaskState({ directory, job: 'job', task: '0-0', stores, inputs: ['input'], env, entriesMax })).state
}
