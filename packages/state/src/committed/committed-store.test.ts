import type { Serde } from '@millrace/core'
import type { StorePage, StoreShape, TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type LevelEngine, levelDb } from '../level-engine.ts'
import { openTaskState } from '../open-task-state.ts'
import { MemoryChangelog } from '../testing/memory-changelog.ts'
import { allPages, expected, rowText, setRows } from '../testing/rows.ts'
import { int32, rawBytes } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'

// Hundreds of databases are opened, perhaps on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const bytes = fc.array(fc.constantFrom(0, 1, 7, 0xff), { maxLength: 3 }).map((content) => Buffer.from(content))
const rows = fc.array(
  fc.record({ key: bytes, start: fc.integer({ min: -3, max: 3 }), length: fc.integer({ min: 1, max: 3 }) }),
  { maxLength: 25 },
)
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const ranges = fc.record({
  key: optional(bytes),
  from: optional(bytes),
  to: optional(bytes),
  prefix: optional(bytes),
  windowFrom: optional(fc.integer({ min: -4, max: 4 })),
  windowTo: optional(fc.constantFrom(-4, 0, 2, Number.POSITIVE_INFINITY)),
  reverse: optional(fc.boolean()),
  limit: fc.integer({ min: 1, max: 4 }),
  bytesMax: optional(fc.integer({ min: 1, max: 60 })),
  looksMax: optional(fc.integer({ min: 1, max: 6 })),
  lookBytesMax: optional(fc.integer({ min: 1, max: 100 })),
  enough: optional(fc.constant(() => true)),
})

const SHAPES: readonly StoreShape[] = [
  { kind: 'key' },
  { kind: 'window', sizeMs: 2 },
  { kind: 'interval' },
  { kind: 'instant' },
  { kind: 'sorted', order: int32 as unknown as Serde<never> },
]
const ORDERS = {
  key: ['key'],
  sorted: ['key', 'order'],
  window: ['key', 'time'],
  interval: ['key', 'time'],
  instant: ['key', 'time'],
} as const
const orders = SHAPES.flatMap((shape) => ORDERS[shape.kind].map((by) => [shape.kind, by, shape] as const))

test.each(orders)(
  'Pages of a range hold what a filter of everything leaves, in order (entries by %s, order by %s)',
  async (_, by, shape) => {
    const { state } = await openTaskState({
      directory: temporaryDirectory(),
      job: 'job',
      task: '0-0',
      // Neighbours, whose entries must not be returned.
      stores: [0, 1, 2].map((n) => store(`s${n}`, rawBytes, int32, shape)),
      inputs: ['input'],
      env: nodeEnv(),
    })
    const changelog = new MemoryChangelog()
    await fc.assert(
      fc.asyncProperty(rows, ranges, async (content, wanted) => {
        const unique = [...new Map(content.map((row) => [rowText(row, shape), row])).values()]
        for (const name of ['s0', 's1', 's2']) setRows(state, name, unique, 1, shape)
        await commit(state, changelog)
        const range = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined))
        const got = await allPages(state.committed<Buffer, number>('s1'), { limit: wanted.limit, by, ...range })
        const ascending = expected(unique, wanted, shape, by)
        expect(got).toEqual(wanted.reverse === true ? ascending.toReversed() : ascending)
        for (const name of ['s0', 's1', 's2']) setRows(state, name, unique, undefined, shape)
      }),
      { numRuns: 150 },
    )
    await state.close()
  },
)

test('A few windows of each of many keys are found, whatever is skipped between them', async () => {
  const { state } = await openTaskState({
    directory: temporaryDirectory(),
    job: 'job',
    task: '0-0',
    stores: [store('s0', rawBytes, int32, 1), store('s1', rawBytes, int32, 1), store('s2', rawBytes, int32, 1)],
    inputs: ['input'],
    env: nodeEnv(),
  })
  const keys = ['', '\0', 'a', 'a\0', 'b', '\xff', '\xff\xff'].map((text) => Buffer.from(text, 'latin1'))
  const all = keys.flatMap((key) => Array.from({ length: 100 }, (_, at) => ({ key, start: at - 50, length: 1 })))
  const shape = { kind: 'window', sizeMs: 1 } as const
  for (const name of ['s0', 's1', 's2']) setRows(state, name, all, 1, shape)
  await commit(state, new MemoryChangelog())
  const committed = state.committed<Buffer, number>('s1')
  const anyKey = { key: undefined, from: undefined, to: undefined, prefix: undefined }
  const windows = [
    [-50, -49],
    [0, 1],
    [10, 60],
    [49, 50],
    [-60, -20],
    [60, 70],
    [5, 5],
    [-0.5, 0.5],
  ] as const
  for (const [windowFrom, windowTo] of windows) {
    for (const limit of [1, 3, 1000]) {
      const range = { windowFrom, windowTo, limit }
      const ascending = expected(all, { ...anyKey, ...range }, shape, 'key')
      expect(await allPages(committed, range)).toEqual(ascending)
      expect(await allPages(committed, { ...range, reverse: true })).toEqual(ascending.toReversed())
    }
  }
  await state.close()
})

test('A range is of one commit, also where another is applied while it is read', async () => {
  const { state } = await openTaskState({
    directory: temporaryDirectory(),
    job: 'job',
    task: '0-0',
    stores: [store('s1', rawBytes, int32)],
    inputs: ['input'],
    env: nodeEnv(),
  })
  const changelog = new MemoryChangelog()
  const all = Array.from({ length: 3000 }, (_, at) => ({
    key: Buffer.from(String(at).padStart(4, '0')),
    start: 0,
    length: 1,
  }))
  for (let round = 1; round <= 5; round++) {
    setRows(state, 's1', all, round, { kind: 'key' })
    const [page] = await Promise.all([
      state.committed<Buffer, number>('s1').range({ limit: 5000 }),
      commit(state, changelog),
    ])
    expect(new Set(page.entries.map(({ value }) => value)).size).toBeLessThanOrEqual(1)
  }
  await state.close()
})

test('A range reads at most 1000 entries at once, and 16 if it skips windows', async () => {
  const read: number[] = []
  const engine: LevelEngine = {
    ...levelDb,
    async open(directory) {
      const level = await levelDb.open(directory)
      const iterator = level.iterator.bind(level)
      level.iterator = (range) => {
        const entries = iterator(range)
        const nextv = entries.nextv.bind(entries)
        entries.nextv = (count) => {
          read.push(count)
          return nextv(count)
        }
        return entries
      }
      return level
    },
  }
  const stores = [store('s1', rawBytes, int32, 1)]
  const place = { directory: temporaryDirectory(), job: 'job', task: '0-0' }
  const { state } = await openTaskState({ ...place, stores, inputs: ['input'], env: nodeEnv(), engine })
  const key = Buffer.from('k')
  setRows(
    state,
    's1',
    Array.from({ length: 1500 }, (_, start) => ({ key, start, length: 1 })),
    1,
    { kind: 'window', sizeMs: 1 },
  )
  await commit(state, new MemoryChangelog())
  const committed = state.committed<Buffer, number>('s1')
  expect((await committed.range({ limit: 5000 })).entries).toHaveLength(1500)
  expect(Math.max(...read)).toBe(1000)
  read.length = 0
  expect((await committed.range({ limit: 5000, windowFrom: 100, windowTo: 200 })).entries).toHaveLength(100)
  expect(Math.max(...read)).toBe(16)
  await state.close()
})

/** A store whose reads are counted: `read` lists how many entries each read returned. */
async function countedStore(rows: number, value: Buffer, start: (row: number) => number) {
  const read: number[] = []
  const engine: LevelEngine = {
    ...levelDb,
    async open(directory) {
      const level = await levelDb.open(directory)
      const iterator = level.iterator.bind(level)
      level.iterator = (range) => {
        const entries = iterator(range)
        const nextv = entries.nextv.bind(entries)
        entries.nextv = async (count) => {
          const found = await nextv(count)
          read.push(found.length)
          return found
        }
        return entries
      }
      return level
    },
  }
  const place = { directory: temporaryDirectory(), job: 'job', task: '0-0' }
  const stores = [store('s1', rawBytes, rawBytes, 1)]
  const { state } = await openTaskState({ ...place, stores, inputs: ['input'], env: nodeEnv(), engine })
  onTestFinished(() => state.close())
  const windows = state.windowStore<Buffer, Buffer>('s1')
  for (let row = 0; row < rows; row++) {
    const key = Buffer.alloc(4)
    key.writeUInt32BE(row)
    windows.set(windows.find(key, start(row)), value)
  }
  await commit(state, new MemoryChangelog())
  return {
    store: state.committed<Buffer, Buffer>('s1'),
    read,
    total: () => read.reduce((sum, count) => sum + count, 0),
  }
}

test('A page ends at its bytes while it is read: what is behind them is not read', async () => {
  const { store, total } = await countedStore(40, Buffer.alloc(1_000_000), () => 0)
  const page = await store.range({ limit: 1000, bytesMax: 3_500_000 })
  expect(page.entries).toHaveLength(4)
  expect(total()).toBeLessThanOrEqual(5)
  const rest = await store.range({ limit: 1000, bytesMax: 1, ...(page.next && { after: page.next }) })
  expect(rest.entries.map(({ key }) => key.readUInt32BE(0))).toEqual([4])
})

test('A page ends once it has looked at enough, and the next continues where it stopped', async () => {
  const rows = 30_000
  const { store, read, total } = await countedStore(rows, Buffer.from('v'), (row) =>
    row === rows - 1 ? 1000 : row % 5,
  )
  let after: Buffer | null = null
  let [pages, found] = [0, 0]
  do {
    const before = total()
    const page: StorePage<Buffer, Buffer> = await store.range({
      limit: 10,
      windowFrom: 1000,
      looksMax: 4000,
      ...(after && { after }),
    })
    expect(total() - before).toBeLessThan(4000 + 1000)
    found += page.entries.length
    after = page.next
    pages++
  } while (after !== null)
  expect([found, pages]).toEqual([1, Math.ceil(rows / 4000)])
  // Keys with one window each are read in large steps, not with one seek for every few keys.
  expect(read.length).toBeLessThan(rows / 100)
})

test('A limit below 1 is refused', async () => {
  const { state } = await openTaskState({
    directory: temporaryDirectory(),
    job: 'job',
    task: '0-0',
    stores: [store('s1', rawBytes, int32)],
    inputs: [],
    env: nodeEnv(),
  })
  await expect(state.committed('s1').range({ limit: 0 })).rejects.toThrow(RangeError)
  await state.close()
})

async function commit(state: TaskState, changelog: MemoryChangelog): Promise<void> {
  const frozen = state.freeze(changelog, 0, new Map([['input', { offset: 1, progress: null }]]))
  await state.apply(frozen, changelog.commitNow())
}
