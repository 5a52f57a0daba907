import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MillraceError, StateDamagedError } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { expect, test, vi } from 'vitest'
import { checkFiles } from './files/check-files.ts'
import { openTaskState } from './open-task-state.ts'
import { MemoryChangelog } from './testing/memory-changelog.ts'
import { json, text } from './testing/serdes.ts'
import { store } from './testing/store.ts'
import { temporaryDirectory } from './testing/temporary-directory.ts'
import { entriesOf } from './testing/window-entries.ts'

// Hundreds of databases are opened, perhaps on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const KEYS = ['a', 'b', 'c', 'd', 'e']
const COMMITS = 6
const env = nodeEnv()

/** A small state with tables and a log, and what it held after each of its commits, by position. */
async function makeState(directory: string): Promise<ReadonlyMap<number, unknown>> {
  const history = new Map<number, unknown>([[0, []]])
  const changelog = new MemoryChangelog()
  let state = await open(directory)
  for (let commit = 0; commit < COMMITS; commit++) {
    const totals = state.keyValueStore<string, unknown>('totals')
    const windows = state.windowStore<string, unknown>('windows')
    for (const key of KEYS.slice(commit % 2)) {
      totals.set(totals.find(key), { commit, key })
      windows.set(windows.find(key, commit * 10), commit)
    }
    await commitState(state, changelog, commit)
    history.set(state.position.nextOffset, await contentOf(state))
    // Opening moves the log's content into a table.
    if (commit === 1 || commit === 3) {
      await state.close()
      state = await open(directory)
    }
  }
  await state.close()
  return history
}

/** Flips every bit with `npm run crash`, otherwise an even sample. */
const EVERYTHING = process.env['MILLRACE_CRASH'] === 'all'
/** Every how many bits one is flipped in a sample: each of the eight bits of a byte has its turn. */
const SAMPLED_EVERY = 13
const TIMEOUT_MS = EVERYTHING ? 3_600_000 : 60_000

test(
  'One flipped bit anywhere in the files is detected, without effect, or leaves an older commit: never a wrong value',
  async () => {
    const root = temporaryDirectory()
    const whole = join(root, 'whole')
    const history = await makeState(whole)
    const outcomes = new Map<string, number>()
    for (const name of dataFiles(whole)) {
      const bytes = readFileSync(join(whole, name))
      const stride = EVERYTHING ? 1 : Math.max(1, Math.floor(bytes.length / 40)) * 8 + 1
      for (let bit = 0; bit < bytes.length * 8; bit += stride) {
        const at = bit >> 3
        const directory = join(root, 'damaged')
        rmSync(directory, { recursive: true, force: true })
        cpSync(whole, directory, { recursive: true })
        const damaged = Buffer.from(bytes)
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7))
        writeFileSync(join(directory, name), damaged)
        const outcome = await openedOutcome(directory, history)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    }
    console.log(
      `flipped bits of a store's files: ${[...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join('; ')}`,
    )
    expect([...outcomes.keys()].sort()).toContain('rebuilt')
  },
  TIMEOUT_MS,
)

test(
  'Every flipped bit of a table, a manifest and a log is found before they are opened',
  async () => {
    const root = temporaryDirectory()
    const directory = join(root, 'state')
    await makeState(directory)
    expect(await checkFiles(env, directory)).toBeUndefined()
    for (const name of dataFiles(directory)) {
      const bytes = readFileSync(join(directory, name))
      const missed: number[] = []
      let tried = 0
      for (let bit = 0; bit < bytes.length * 8; bit += EVERYTHING ? 1 : SAMPLED_EVERY) {
        tried++
        const damaged = Buffer.from(bytes)
        const at = bit >> 3
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7))
        writeFileSync(join(directory, name), damaged)
        if ((await checkFiles(env, directory)) === undefined) missed.push(at)
      }
      writeFileSync(join(directory, name), bytes)
      // A table's footer has padding; a log record's length in the last block may look as if its tail were torn.
      const harmless = (at: number) => (name.endsWith('.ldb') ? at >= bytes.length - 48 : name.endsWith('.log'))
      expect(missed.filter((at) => !harmless(at))).toEqual([])
      expect(missed.length).toBeLessThan(tried * 0.15)
    }
  },
  TIMEOUT_MS,
)

test('A log that is cut off anywhere is a state as of an earlier commit, with the position of that commit', async () => {
  const root = temporaryDirectory()
  const whole = join(root, 'whole')
  const history = await makeState(whole)
  const log = dataFiles(whole).find((name) => name.endsWith('.log')) ?? ''
  const positions = new Set<number>()
  for (let length = 0; length < readFileSync(join(whole, log)).length; length += 7) {
    const directory = join(root, `cut-${length}`)
    cpSync(whole, directory, { recursive: true })
    truncateSync(join(directory, log), length)
    const { state, opened } = await openState(directory)
    expect(opened).toBe('reused')
    expect(await contentOf(state)).toEqual(history.get(state.position.nextOffset))
    positions.add(state.position.nextOffset)
    await state.close()
  }
  // The writes of the last reopening, and of each commit in the log except the last.
  expect(positions.size).toBe(2)
})

test('A write that is missing from the middle of a log is noticed, though all that is left is intact', async () => {
  const root = temporaryDirectory()
  const whole = join(root, 'whole')
  const history = await makeState(whole)
  const log = dataFiles(whole).find((name) => name.endsWith('.log')) ?? ''
  const bytes = readFileSync(join(whole, log))
  const firstEnd = 7 + bytes.readUInt16LE(4)
  expect(firstEnd).toBeLessThan(bytes.length)
  writeFileSync(join(whole, log), bytes.subarray(firstEnd))
  expect(await checkFiles(env, whole)).toMatch(/\.log: writes before number \d+ are missing/)
  expect(await openedOutcome(whole, history)).toBe('rebuilt')
})

test('A missing file is noticed: the state is rebuilt, or is an older commit, or does not need it', async () => {
  const root = temporaryDirectory()
  const whole = join(root, 'whole')
  const history = await makeState(whole)
  for (const name of readdirSync(whole)) {
    const directory = join(root, `without-${name}`)
    cpSync(whole, directory, { recursive: true })
    rmSync(join(directory, name))
    const expected = dataFiles(whole).includes(name) ? 'rebuilt' : 'reused'
    expect([name, await openedOutcome(directory, history)]).toEqual([name, expected])
  }
})

test('A manifest that lost its last edits is noticed', async () => {
  const root = temporaryDirectory()
  const whole = join(root, 'whole')
  const history = await makeState(whole)
  const manifest = dataFiles(whole).find((name) => name.startsWith('MANIFEST')) ?? ''
  for (let length = 0; length < readFileSync(join(whole, manifest)).length; length++) {
    const directory = join(root, `cut-${length}`)
    cpSync(whole, directory, { recursive: true })
    truncateSync(join(directory, manifest), length)
    expect([length, await openedOutcome(directory, history)]).toEqual([length, 'rebuilt'])
  }
})

test('A value that is damaged while the state is open is an error, and the next open rebuilds', async () => {
  const directory = join(temporaryDirectory(), 'state')
  await makeState(directory)
  const state = await open(directory)
  for (const name of dataFiles(directory).filter((each) => each.endsWith('.ldb'))) {
    const bytes = readFileSync(join(directory, name))
    for (let at = bytes.indexOf('"key":'); at >= 0; at = bytes.indexOf('"key":', at + 1)) bytes.write('x', at + 1)
    writeFileSync(join(directory, name), bytes)
  }
  const read = () => KEYS.map((key) => state.keyValueStore<string, unknown>('totals').find(key).value)
  expect(read).toThrow(expect.objectContaining({ code: 'STATE_DAMAGED' }))
  expect(read).toThrow(/is damaged.*rebuilt from the changelog/)
  await state.close()
  expect((await openState(directory)).opened).toBe('rebuilt')
})

/** Opens, reads everything and compares; returns the outcome, if it is a correct one. */
async function openedOutcome(directory: string, history: ReadonlyMap<number, unknown>): Promise<string> {
  const { state, opened, note } = await openState(directory)
  try {
    const content = await contentOf(state)
    const { nextOffset } = state.position
    if (opened === 'rebuilt') {
      expect(nextOffset).toBe(0)
      expect(note).toBeDefined()
    }
    expect({ nextOffset, content }).toEqual({ nextOffset, content: history.get(nextOffset) })
    return opened
  } catch (error) {
    if (error instanceof StateDamagedError) return (error as MillraceError).code
    throw error
  } finally {
    await state.close()
  }
}

async function contentOf(state: TaskState): Promise<unknown> {
  const content: unknown[] = []
  for (const name of ['totals', 'windows']) {
    const { entries } = await state.committed<string, unknown>(name).range({ limit: 1000 })
    for (const { key, window, value } of entries) content.push([name, key, window?.start, value])
  }
  const windows = entriesOf(state.windowStore('windows')).map((entry) => ['windows', ...entry])
  expect(windows.sort()).toEqual(content.filter((entry) => Array.isArray(entry) && entry[0] === 'windows').sort())
  const totals = state.keyValueStore<string, unknown>('totals')
  for (const key of KEYS) {
    const stored = content.find((entry) => Array.isArray(entry) && entry[0] === 'totals' && entry[1] === key)
    expect(totals.find(key).value).toEqual(Array.isArray(stored) ? stored[3] : undefined)
  }
  return content
}

async function commitState(state: TaskState, changelog: MemoryChangelog, offset: number): Promise<void> {
  const frozen = state.freeze(changelog, 0, new Map([['input', { offset, progress: null }]]))
  await state.apply(frozen, changelog.commitNow())
}

async function open(directory: string): Promise<TaskState> {
  return (await openState(directory)).state
}

function openState(directory: string) {
  const stores = [store('totals', text, json), store('windows', text, json, 10)]
  return openTaskState({ directory, job: 'job', task: '0-0', stores, inputs: ['input'], env })
}

/** The files that hold data: not the lock, and not LevelDB's log of messages. */
function dataFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => !name.startsWith('LO'))
}
