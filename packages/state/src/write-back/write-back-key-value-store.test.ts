import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { openTaskState } from '../open-task-state.ts'
import { CountedEngine } from '../testing/counted-engine.ts'
import { MemoryChangelog } from '../testing/memory-changelog.ts'
import { int32, text } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'

test('Keys that come in each commit stay in memory, while many others come once', async () => {
  const engine = new CountedEngine()
  const changelog = new MemoryChangelog()
  const { state } = await openTaskState({
    directory: temporaryDirectory(),
    env: nodeEnv(),
    engine,
    job: 'job',
    task: '0-0',
    inputs: ['input'],
    stores: [store('counts', text, int32)],
    entriesMax: 100,
  })
  const counts = state.keyValueStore<string, number>('counts')
  const add = (key: string) => {
    const entry = counts.find(key)
    counts.set(entry, (entry.value ?? 0) + 1)
  }
  let reads = 0
  for (let round = 0; round < 50; round++) {
    const before = engine.reads
    for (let key = 0; key < 20; key++) add(`again ${key}`)
    reads += engine.reads - before
    for (let key = 0; key < 60; key++) add(`once ${round} ${key}`)
    const frozen = state.freeze(changelog, 0, new Map([['input', { offset: round + 1, progress: null }]]))
    await state.apply(frozen, await changelog.commit())
  }
  expect(counts.find('again 0').value).toBe(50)
  expect(reads).toBe(0)
  await state.close()
})
