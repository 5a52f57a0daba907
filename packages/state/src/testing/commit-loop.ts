import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { openTaskState } from '../open-task-state.ts'
import { MemoryChangelog } from './memory-changelog.ts'
import { int32, text } from './serdes.ts'
import { store } from './store.ts'

const KEYS = 40
const WINDOW_COMMITS = 25

export function openLoopState(directory: string) {
  const stores = [store('totals', text, int32), store('windows', text, int32, WINDOW_COMMITS)]
  return openTaskState({ directory, job: 'job', task: '0-0', stores, inputs: ['input'], env: nodeEnv() })
}

/** Calls `put` with what commit `n` changes. */
export function changesOf(n: number, put: (key: string, value: number | undefined) => void): void {
  for (let i = 0; i < 5; i++) put(`key-${(n * 7 + i) % KEYS}`, n)
  put(`key-${(n * 3) % KEYS}`, undefined)
}

/** The window that commit `n` writes to, and the time before which windows expire. */
export function windowOf(n: number): { readonly start: number; readonly expireBefore: number } {
  const start = n - (n % WINDOW_COMMITS)
  return { start, expireBefore: start - 2 * WINDOW_COMMITS }
}

async function commitFrom(state: TaskState): Promise<void> {
  const changelog = new MemoryChangelog()
  const totals = state.keyValueStore<string, number>('totals')
  const windows = state.windowStore<string, number>('windows')
  for (let n = state.position.nextOffset; ; n++) {
    const { start, expireBefore } = windowOf(n)
    changesOf(n, (key, value) => {
      totals.set(totals.find(key), value)
      windows.set(windows.find(key, start), value)
    })
    while (windows.expire(expireBefore));
    const frozen = state.freeze(changelog, 0, new Map([['input', { offset: n + 1, progress: null }]]))
    await state.apply(frozen, { nextOffset: n + 1, checksum: n })
    changelog.discard()
    process.stdout.write(`${n}\n`)
  }
}

const directory = process.argv[2]
if (import.meta.main && directory !== undefined) await commitFrom((await openLoopState(directory)).state)
