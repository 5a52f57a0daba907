import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { openTaskState } from '../open-task-state.ts'
import { MemoryChangelog } from '../testing/memory-changelog.ts'
import { allPages, expected, rowText, setRows } from '../testing/rows.ts'
import { int32, rawBytes } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'

test('A range by time returns each of many entries once, whether they have one time or many, and some were deleted', async () => {
  const shape = { kind: 'window', sizeMs: 10 } as const
  const { state } = await openTaskState({
    directory: temporaryDirectory(),
    job: 'job',
    task: '0-0',
    stores: [store('s1', rawBytes, int32, shape)],
    inputs: ['input'],
    env: nodeEnv(),
    entriesMax: 1000,
  })
  const row = (at: number, start: number) => ({ key: Buffer.from(`key ${at}`), start, length: 10 })
  // More than twice as many of one time as a page keeps, and thousands of times before and after it.
  const all = [
    ...Array.from({ length: 3000 }, (_, at) => row(at, at * 10)),
    ...Array.from({ length: 10_000 }, (_, at) => row(at * 7, 15_000)),
  ]
  const kept = [...new Map(all.map((each) => [rowText(each, shape), each])).values()]
  setRows(state, 's1', kept, 1, shape)
  const changelog = new MemoryChangelog()
  await commit(state, changelog)
  setRows(
    state,
    's1',
    kept.filter((_, at) => at % 3 === 0),
    undefined,
    shape,
  )
  await commit(state, changelog)
  // What is not in memory any more does not know that the index has it: it then has it twice.
  await commit(state, changelog)
  setRows(
    state,
    's1',
    kept.filter((_, at) => at % 6 === 0),
    1,
    shape,
  )
  await commit(state, changelog)
  const left = kept.filter((_, at) => at % 3 !== 0 || at % 6 === 0)
  const anyKey = { key: undefined, from: undefined, to: undefined, prefix: undefined }
  const bounds = { windowFrom: 14_990, windowTo: 15_020 }
  const ascending = expected(left, { ...anyKey, ...bounds }, shape, 'time')
  const committed = state.committed<Buffer, number>('s1')
  expect(await allPages(committed, { by: 'time', ...bounds, limit: 3000 })).toEqual(ascending)
  expect(await allPages(committed, { by: 'time', ...bounds, limit: 3000, reverse: true })).toEqual(
    ascending.toReversed(),
  )
  const oneTime = await committed.range({ by: 'time', windowFrom: 15_000, windowTo: 15_001, limit: 100_000 })
  expect(oneTime.entries.length).toBeLessThanOrEqual(4000)
  const everything = expected(left, { ...anyKey, windowFrom: undefined, windowTo: undefined }, shape, 'time')
  expect(await allPages(committed, { by: 'time', limit: 100_000 })).toEqual(everything)
  expect(await allPages(committed, { by: 'time', limit: 100_000, reverse: true })).toEqual(everything.toReversed())
  await state.close()
})

test('A range by time of a store by key alone is rejected', async () => {
  const stores = [store('s1', rawBytes, int32)]
  const place = { directory: temporaryDirectory(), job: 'job', task: '0-0', inputs: [], env: nodeEnv() }
  const { state } = await openTaskState({ ...place, stores })
  await expect(state.committed('s1').range({ by: 'time', limit: 1 })).rejects.toThrow(RangeError)
  await state.close()
})

async function commit(state: TaskState, changelog: MemoryChangelog): Promise<void> {
  const frozen = state.freeze(changelog, 0, new Map([['input', { offset: 1, progress: null }]]))
  await state.apply(frozen, await changelog.commit())
}
