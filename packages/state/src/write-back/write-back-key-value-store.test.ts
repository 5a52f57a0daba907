import { nodeEnv } from '@millrace/core/node'
import { expect, test } from 'vitest'
import { openTaskState } from '../open-task-state.ts'
import { CountedEngine } from '../testing/counted-engine.ts'
import { MemoryChangelog } from '../testing/memory-changelog.ts'
import { int32, text } from '../testing/serdes.ts'
import { store } from '../testing/store.ts'
import { temporaryDirectory } from '../testing/temporary-directory.ts'

test('Keys that come again stay in memory longer than keys that come once', async () => {
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
    entriesMax: 300,
  })
  const counts = state.keyValueStore<string, number>('counts')
  const add = (key: string) => {
    const entry = counts.find(key)
    counts.set(entry, (entry.value ?? 0) + 1)
  }
  let reads = 0
  for (let round = 0; round < 50; round++) {
    const before = engine.reads
    // Not in each commit: what has just changed cannot leave memory.
    if (round % 3 === 0) for (let key = 0; key < 20; key++) add(`again ${key}`)
    reads += engine.reads - before
    for (let key = 0; key < 60; key++) add(`once ${round} ${key}`)
    const frozen = state.freeze(changelog, 0, new Map([['input', { offset: round + 1, progress: null }]]))
    await state.apply(frozen, await changelog.commit())
  }
  expect(counts.find('again 0').value).toBe(17)
  // They come again 320 times. If only their age counted, LevelDB would be read 160 times.
  expect(reads).toBeLessThanOrEqual(100)
  await state.close()
})
