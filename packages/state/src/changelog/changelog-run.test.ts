import type { Checkpoint, TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { openTaskState } from '../open-task-state.ts'
import { addBatch, MemoryChangelog, OVERHEAD_BYTES } from '../testing/memory-changelog.ts'
import { json, text } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'

const ENTRIES = 100
const CHECKPOINT: Checkpoint = new Map([
  ['input', { offset: 7, progress: null }],
  ['other', { offset: 8, progress: null }],
])

test('a commit that fits into one batch has its entries and its checkpoint, and nothing else', async () => {
  const changelog = new MemoryChangelog()
  await commit(await openState('a'), changelog)
  expect(keysOf(changelog).map((keys) => keys.length)).toEqual([ENTRIES + 3])
  expect(keysOf(changelog).flat()).not.toContain('\0\0\0a')
})

test('each batch of a larger commit but the last ends with a record that more follows, and the last one is closed', async () => {
  const changelog = new MemoryChangelog(600)
  await commit(await openState('a'), changelog)
  const batches = changelog.groups.flatMap(({ batches }) => batches)
  expect(batches.length).toBeGreaterThan(5)
  const last = batches.map((records) => records.at(-1))
  expect(new Set(last.map((record) => record?.key.toString()))).toEqual(new Set(['\0\0\0a']))
  const values = last.map((record) => record?.value?.toString())
  expect(values).toEqual([...batches.slice(1).map(() => 'more'), 'last'])
  for (const records of batches) {
    const sizes = records.map(({ key, value }) => key.length + (value?.length ?? 0) + OVERHEAD_BYTES)
    expect(sizes.reduce((sum, bytes) => sum + bytes)).toBeLessThanOrEqual(600)
  }
  expect(keysOf(changelog).flat()).toHaveLength(ENTRIES + 3 + batches.length)
})

test('an entry that is larger than a batch gets a batch for itself, closed like any other', async () => {
  const changelog = new MemoryChangelog(600)
  const state = await openState('a')
  await commit(state, changelog, 'x'.repeat(1000))
  const restored = await openState('a')
  await changelog.restore(restored)
  expect(await rowsOf(restored)).toEqual(await rowsOf(state))
})

test('a part of a group is never applied, and the group is applied with its last batch', async () => {
  const changelog = new MemoryChangelog(600)
  const state = await openState('a')
  await commit(state, changelog)
  const [group] = changelog.groups
  if (group === undefined) return expect.fail('nothing was committed')
  const restored = await openState('a')
  const restorer = restored.restorer()
  for (const batch of group.batches.slice(0, -1)) {
    addBatch(restorer, batch)
    expect(restorer.whole).toBe(false)
    await expect(restorer.apply(group.position)).rejects.toThrow('A part of a group')
  }
  addBatch(restorer, group.batches.at(-1) ?? [])
  expect(restorer.whole).toBe(true)
  await restorer.apply(group.position)
  expect(await rowsOf(restored)).toEqual(await rowsOf(state))
  expect([...restored.checkpoint]).toEqual([...CHECKPOINT])
})

test("the groups of a neighbour with other stores are not waited for, whatever comes between a group's own batches", async () => {
  const own = new MemoryChangelog(600)
  const neighbour = new MemoryChangelog(600)
  await commit(await openState('a'), own)
  await commit(
    await openState('b', 'others', ['third']),
    neighbour,
    'y',
    new Map([['third', { offset: 1, progress: null }]]),
  )
  const restored = await openState('a')
  const restorer = restored.restorer()
  const ownBatches = own.groups.flatMap(({ batches }) => batches)
  const others = neighbour.groups.flatMap(({ batches }) => batches)
  addBatch(restorer, others[0] ?? [])
  expect(restorer.whole).toBe(true)
  for (const [index, batch] of ownBatches.entries()) {
    addBatch(restorer, batch)
    expect(restorer.whole).toBe(index === ownBatches.length - 1)
    addBatch(restorer, others[1] ?? [])
    expect(restorer.whole).toBe(index === ownBatches.length - 1)
  }
})

async function openState(task: string, name = 'totals', inputs = ['input', 'other']): Promise<TaskState> {
  const { state } = await openTaskState({
    directory: temporaryDirectory(),
    job: 'job',
    task,
    stores: [store(name, text, json)],
    inputs,
    env: nodeEnv(),
  })
  onTestFinished(() => state.close())
  return state
}

async function commit(
  state: TaskState,
  changelog: MemoryChangelog,
  value = 'v',
  checkpoint = CHECKPOINT,
): Promise<void> {
  const name = checkpoint === CHECKPOINT ? 'totals' : 'others'
  const totals = state.keyValueStore<string, string>(name)
  for (let index = 0; index < ENTRIES; index++) totals.set(totals.find(`key ${index}`), value)
  const frozen = state.freeze(changelog, 1, checkpoint)
  await state.apply(frozen, await changelog.commit())
}

async function rowsOf(state: TaskState): Promise<ReadonlyMap<unknown, unknown>> {
  const { entries } = await state.committed<string, string>('totals').range({ limit: 2 * ENTRIES })
  return new Map(entries.map(({ key, value }) => [key, value]))
}

function keysOf(changelog: MemoryChangelog): string[][] {
  return changelog.groups.map(({ batches }) => batches.flat().map(({ key }) => key.toString()))
}
