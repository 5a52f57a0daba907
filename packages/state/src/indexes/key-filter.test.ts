import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { openTaskState } from '../open-task-state.ts'
import { CountedEngine } from '../testing/counted-engine.ts'
import { MemoryChangelog } from '../testing/memory-changelog.ts'
import { int32, text } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'
import { FILTER_BYTES_MAX, KeyFilter } from './key-filter.ts'

// Hundreds of databases are opened, perhaps on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

test('A filter never calls an added key absent, whatever its bytes and its part', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 200 }), fc.nat(200_000), (keys, before) => {
      const filter = new KeyFilter()
      filter.startEmpty()
      for (let n = 0; n < before; n++) add(filter, numbered(n))
      for (const key of keys) add(filter, Buffer.from(key))
      let absent = 0
      for (let n = 0; n < before; n++) if (!mayHold(filter, numbered(n))) absent++
      for (const key of keys) if (!mayHold(filter, Buffer.from(key))) absent++
      expect(absent).toBe(0)
    }),
    { numRuns: 20 },
  )
})

test('A filter calls most absent keys absent, also when it has grown', () => {
  const filter = new KeyFilter()
  filter.startEmpty()
  for (let n = 0; n < 500_000; n++) add(filter, Buffer.from(`customer-${n}`))
  let wrong = 0
  for (let n = 0; n < 100_000; n++) if (mayHold(filter, Buffer.from(`order-${n}`))) wrong++
  expect(wrong).toBeLessThan(5000)
})

test('A filter gives up when it has no more memory, and then every key may be stored', () => {
  const filter = new KeyFilter()
  filter.startEmpty()
  const key = Buffer.alloc(4)
  const absent = Buffer.from('absent')
  let keys = 0
  for (; keys < FILTER_BYTES_MAX && !mayHold(filter, absent); keys++) {
    key.writeUInt32BE(keys)
    add(filter, key)
  }
  expect(keys).toBeGreaterThan(FILTER_BYTES_MAX / 3)
  expect(keys).toBeLessThan(FILTER_BYTES_MAX / 1.5)
  for (let n = 0; n < 100; n++) expect(mayHold(filter, Buffer.from(`other-${n}`))).toBe(true)
})

test('The first read of a key that is not stored does not look into LevelDB', async () => {
  const opened = await openCounted(temporaryDirectory())
  const changelog = new MemoryChangelog()
  const totals = opened.state.keyValueStore<string, number>('totals')
  for (let n = 0; n < 1000; n++) totals.set(totals.find(`old-${n}`), n)
  await commit(opened.state, changelog)
  const before = opened.reads()
  for (let n = 0; n < 1000; n++) expect(totals.find(`new-${n}`).value).toBeUndefined()
  expect(opened.reads() - before).toBeLessThan(100)
  await opened.state.close()
})

test('A state that was restored into an empty directory does not look into LevelDB for a new key either', async () => {
  const changelog = new MemoryChangelog()
  const first = await openCounted(temporaryDirectory())
  const totals = first.state.keyValueStore<string, number>('totals')
  for (let n = 0; n < 1000; n++) totals.set(totals.find(`old-${n}`), n)
  await commit(first.state, changelog)
  await first.state.close()
  const second = await openCounted(temporaryDirectory())
  await changelog.restore(second.state)
  const restored = second.state.keyValueStore<string, number>('totals')
  const before = second.reads()
  for (let n = 0; n < 1000; n++) expect(restored.find(`new-${n}`).value).toBeUndefined()
  expect(second.reads() - before).toBeLessThan(100)
  for (let n = 0; n < 1000; n++) expect(restored.find(`old-${n}`).value).toBe(n)
  await second.state.close()
})

test('After a reopen every key is found again', async () => {
  const directory = temporaryDirectory()
  const first = await openCounted(directory)
  const totals = first.state.keyValueStore<string, number>('totals')
  for (let n = 0; n < 1000; n++) totals.set(totals.find(`old-${n}`), n)
  await commit(first.state, new MemoryChangelog())
  await first.state.close()
  const second = await openCounted(directory)
  const again = second.state.keyValueStore<string, number>('totals')
  for (let n = 0; n < 1000; n++) expect(again.find(`old-${n}`).value).toBe(n)
  await second.state.close()
})

function add(filter: KeyFilter, key: Buffer): void {
  filter.add(key, 0, key.length)
}

function mayHold(filter: KeyFilter, key: Buffer): boolean {
  return filter.mayHold(key, 0, key.length)
}

function numbered(n: number): Buffer {
  return Buffer.of(1, n, n >>> 8, n >>> 16)
}

/** A state with one store by key, and how often LevelDB was asked for a key. */
async function openCounted(directory: string): Promise<{ readonly state: TaskState; readonly reads: () => number }> {
  const engine = new CountedEngine()
  const stores = [store('totals', text, int32)]
  const env = nodeEnv()
  const { state } = await openTaskState({ directory, job: 'job', task: '0-0', stores, inputs: ['input'], env, engine })
  return { state, reads: () => engine.reads }
}

async function commit(state: TaskState, changelog: MemoryChangelog): Promise<void> {
  const frozen = state.freeze(changelog, 0, new Map([['input', { offset: 1, progress: null }]]))
  await state.apply(frozen, changelog.commitNow())
}
