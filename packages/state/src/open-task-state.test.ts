import { join } from 'node:path'
import type { MillraceError } from '@millrace/core'
import type { StoreDescription, TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { expect, test, vi } from 'vitest'
import { withChecksum } from './database.ts'
import { IDENTITY_KEY } from './identity.ts'
import { levelDb } from './level-engine.ts'
import { openTaskState, type TaskStateOptions } from './open-task-state.ts'
import { MemoryChangelog } from './testing/memory-changelog.ts'
import { readThrough } from './testing/read-through.ts'
import { int32, json, text } from './testing/serdes.ts'
import { store } from './testing/store.ts'
import { temporaryDirectory } from './testing/temporary-directory.ts'

// Hundreds of databases are opened, perhaps on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const TOTALS = store('totals', text, json)

test('A new state is fresh and at 0; opened again it stands where its last commit was', async () => {
  const directory = join(temporaryDirectory(), 'a', 'b')
  const first = await openWith(directory, [TOTALS])
  expect([first.opened, first.note, first.state.position]).toEqual([
    'fresh',
    undefined,
    { nextOffset: 0, checksum: null },
  ])
  const changelog = new MemoryChangelog()
  await commitOne(first.state, changelog)
  const { position, checkpoint } = first.state
  await first.state.close()
  const second = await openWith(directory, [TOTALS])
  expect([second.opened, second.state.position]).toEqual(['reused', position])
  expect(second.state.checkpoint).toEqual(checkpoint)
  await second.state.close()
})

test('A disk that accepts no new state is reported by code, task and place', async () => {
  const directory = join(temporaryDirectory(), 'state')
  const full = () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  }
  const env = { ...nodeEnv(), files: { ...nodeEnv().files, makeDirectory: full } }
  const refused = openTaskState({ directory, job: 'job', task: 'task-0', stores: [TOTALS], inputs: [], env })
  await expect(refused).rejects.toMatchObject({ code: 'STATE_REBUILD_FAILED', place: { task: 'task-0' } })
  await expect(refused).rejects.toThrow(/task-0.*cannot be created.*ENOSPC/)
})

test('A state that is closed rejects every read, also through a store that was opened before', async () => {
  const { state } = await openWith(temporaryDirectory(), [TOTALS])
  await commitOne(state, new MemoryChangelog())
  const committed = state.committed<string, unknown>('totals')
  await state.close()
  await expect(committed.get('a')).rejects.toMatchObject({
    code: 'STATE_WRITE_FAILED',
    message: expect.stringContaining('0-0 is closed'),
  })
})

test('A state that another opener holds is refused, and left as it is', async () => {
  const directory = temporaryDirectory()
  const { state } = await openWith(directory, [TOTALS])
  await commitOne(state, new MemoryChangelog())
  await expect(openWith(directory, [TOTALS])).rejects.toMatchObject({ code: 'JOB_RUNNING' })
  expect(await state.committed<string, unknown>('totals').get('a')).toBe(1)
  await state.close()
})

test.each<[string, StoreDescription, RegExp]>([
  ['key serde', store('totals', int32, json), /keys by 'string', now 'int32'/],
  ['value serde', store('totals', text, int32), /values by 'json', now 'int32'/],
  ['shape', store('totals', text, json, 10), /entries by key, now entries by window of 10ms/],
])('A changed %s is refused, by the local state and by the changelog alone', async (_, changed, message) => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  const { state } = await openWith(directory, [TOTALS])
  await commitOne(state, changelog)
  await state.close()
  const refused = await openWith(directory, [changed]).catch((error: MillraceError) => error)
  expect(refused).toMatchObject({ code: 'STATE_SERDE_CHANGED', message: expect.stringMatching(message) })

  const empty = await openWith(`${directory}/empty`, [changed])
  await expect(changelog.restore(empty.state)).rejects.toMatchObject({ code: 'STATE_SERDE_CHANGED' })
  await empty.state.close()
  const unchanged = await openWith(directory, [TOTALS])
  expect(unchanged.opened).toBe('reused')
  await unchanged.state.close()
})

test('a changelog whose entries an older version laid out is refused before any of them is read', async () => {
  const changelog = new MemoryChangelog()
  const record = (key: string, value: string) => {
    changelog.append(0, Buffer.from(key, 'latin1'), 0, key.length, value, text)
  }
  // A window's key had its start alone.
  record('windows\0a\0\x01\x80\0\0\0\0\0\0\x0a', '1')
  record('\0\0windows', JSON.stringify({ key: 'string', value: 'json', windowMs: 10, timed: false }))
  changelog.commitNow()
  const { state } = await openWith(temporaryDirectory(), [store('windows', text, json, 10)])
  const refused = await changelog.restore(state).catch((error: MillraceError) => error)
  expect(refused).toMatchObject({ code: 'DATA_VERSION', place: { job: 'job', task: '0-0', store: 'windows' } })
  expect(String(refused)).toMatch(/store windows in layout version before 3.*millrace reset job/)
  expect(state.position.nextOffset).toBe(0)
  await state.close()
})

test('A local state of an older version is rebuilt, whatever it states about its stores', async () => {
  const directory = temporaryDirectory()
  const { state } = await openWith(directory, [TOTALS])
  await commitOne(state, new MemoryChangelog())
  await state.close()
  const level = await levelDb.open(directory)
  const identity = {
    version: 2,
    job: 'job',
    task: '0-0',
    inputs: ['input'],
    stores: { totals: { key: 'string', value: 'json', windowMs: null, timed: false } },
  }
  const batch = level.batch()
  batch.put(IDENTITY_KEY, withChecksum(IDENTITY_KEY, Buffer.from(JSON.stringify(identity))))
  await batch.write()
  await level.close()
  const again = await openWith(directory, [TOTALS])
  expect([again.opened, again.state.position.nextOffset]).toEqual(['rebuilt', 0])
  expect(again.note).toMatch(/format version 2, not 3/)
  await again.state.close()
})

test.each<[string, Partial<TaskStateOptions>, RegExp]>([
  [
    'another store',
    { stores: [TOTALS, store('more', text, json)] },
    /its stores were totals, and are now more, totals/,
  ],
  ['another input', { inputs: ['input', 'more'] }, /its inputs were input, and are now input, more/],
  ['another task', { task: '1-0' }, /it belongs to job, task 0-0/],
])('A state for %s is rebuilt, as what it passed over is in the changelog only', async (_, change, note) => {
  const directory = temporaryDirectory()
  const { state } = await openWith(directory, [TOTALS])
  await commitOne(state, new MemoryChangelog())
  await state.close()
  const again = await openWith(directory, [TOTALS], change)
  expect(again.opened).toBe('rebuilt')
  expect(again.note).toMatch(note)
  expect(again.state.position.nextOffset).toBe(0)
  expect(await again.state.committed('totals').get('a')).toBeUndefined()
  await again.state.close()
})

test('A store that was started empty again reads nothing of the one before, though the changelog still has it', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  let { state } = await openWith(directory, [TOTALS])
  await commitOne(state, changelog)
  await state.close()
  // Other serdes do not matter: it is another store.
  const second = { ...store('totals', text, int32), incarnation: 2 }
  const opened = await openWith(directory, [second])
  state = opened.state
  expect(opened.opened).toBe('rebuilt')
  await changelog.restore(state)
  expect(state.keyValueStore('totals').find('a').value).toBeUndefined()
  await commitOne(state, changelog)
  await state.close()
  const again = await openWith(`${directory}/empty`, [second])
  await changelog.restore(again.state)
  expect(again.state.keyValueStore('totals').find('a').value).toBe(1)
  await again.state.close()
  const first = await openWith(`${directory}/first`, [TOTALS])
  await changelog.restore(first.state)
  expect(first.state.keyValueStore('totals').find('a').value).toBe(1)
  await first.state.close()
})

test('The changelog records once which serdes wrote the stores', async () => {
  const directory = temporaryDirectory()
  const changelog = new MemoryChangelog()
  let { state } = await openWith(directory, [TOTALS])
  await commitOne(state, changelog)
  await commitOne(state, changelog)
  await state.close()
  state = (await openWith(directory, [TOTALS])).state
  await commitOne(state, changelog)
  await state.discard()
  await changelog.restore(state)
  await commitOne(state, changelog)
  await state.close()
  const keys = changelog.groups.map(
    ({ batches }) => batches.flat().filter(({ key }) => key.toString() === '\0\0totals').length,
  )
  expect(keys).toEqual([1, 0, 0, 0])
})

test('A discarded state is empty and usable, through the stores that were opened before', async () => {
  const { state } = await openWith(temporaryDirectory(), [TOTALS])
  const changelog = new MemoryChangelog()
  const totals = state.keyValueStore<string, unknown>('totals')
  await commitOne(state, changelog)
  await state.discard()
  expect(state.position).toEqual({ nextOffset: 0, checksum: null })
  expect(state.checkpoint.size).toBe(0)
  expect(totals.find('a').value).toBeUndefined()
  await changelog.restore(state)
  expect(totals.find('a').value).toBe(1)
  await state.close()
})

test("Another task's entries and checkpoints in the same changelog are passed over", async () => {
  const changelog = new MemoryChangelog()
  const other = await openWith(temporaryDirectory(), [store('totals2', text, json)], { inputs: ['other'] })
  await commitOne(other.state, changelog, 'totals2', 'other')
  await other.state.close()
  const { state } = await openWith(temporaryDirectory(), [TOTALS])
  await changelog.restore(state)
  expect(state.position.nextOffset).toBe(changelog.groups.at(-1)?.position.nextOffset)
  expect(state.checkpoint.size).toBe(0)
  await state.close()
})

test('What cannot be encoded leaves the group empty and the change in place, so that a later freeze has it', async () => {
  const { state } = await openWith(temporaryDirectory(), [store('totals', text, int32)])
  const changelog = new MemoryChangelog()
  const totals = state.keyValueStore<string, number>('totals')
  totals.set(totals.find('a'), 1)
  totals.set(totals.find('b'), 2 ** 40)
  expect(() => state.freeze(changelog, 0, new Map())).toThrow(expect.objectContaining({ code: 'RECORD_UNENCODABLE' }))
  expect(changelog.bytes).toBe(0)
  totals.set(totals.find('b'), 2)
  const frozen = state.freeze(changelog, 0, new Map())
  expect([...frozen.changes('totals')]).toEqual([
    { key: 'a', value: 1 },
    { key: 'b', value: 2 },
  ])
  await state.close()
})

test('An open state requests a commit once it holds 100,000 entries, and a quarter of them leave the memory then', async () => {
  const { state } = await openWith(temporaryDirectory(), [TOTALS])
  const changelog = new MemoryChangelog()
  const totals = state.keyValueStore<string, unknown>('totals')
  const dirtyBytes: number[] = []
  for (let key = 0; key <= 100_000; key++) {
    totals.set(totals.find(`key ${key}`), key)
    if (key >= 99_999) dirtyBytes.push(state.dirtyBytes)
  }
  expect(dirtyBytes[0]).toBeLessThan(64 * 1024 * 1024)
  expect(dirtyBytes[1]).toBe(64 * 1024 * 1024)
  await state.apply(state.freeze(changelog, 0, state.checkpoint), changelog.commitNow())
  totals.set(totals.find('key 0'), 1)
  await state.apply(state.freeze(changelog, 0, state.checkpoint), changelog.commitNow())
  expect(state.dirtyBytes).toBe(0)
  await state.close()
})

test('A value that comes back from the disk with another bit is an error, and the next open rebuilds', async () => {
  const directory = temporaryDirectory()
  const before = await openWith(directory, [TOTALS])
  await commitOne(before.state, new MemoryChangelog())
  await before.state.close()
  let damages = false
  const engine = readThrough((key, read) => {
    const stored = read(key)
    if (stored !== undefined && damages) stored[stored.length - 1] = (stored.at(-1) ?? 0) ^ 1
    return stored
  })
  const { state } = await openWith(directory, [TOTALS], { engine })
  damages = true
  expect(() => state.keyValueStore('totals').find('a').value).toThrow(
    expect.objectContaining({ code: 'STATE_DAMAGED', place: expect.objectContaining({ task: '0-0' }) }),
  )
  await state.close()
  const after = await openWith(directory, [TOTALS])
  expect(after.opened).toBe('rebuilt')
  await after.state.close()
})

test('An index that cannot be read fails the freeze, and leaves nothing in its group', async () => {
  const directory = temporaryDirectory()
  const windows = store('windows', text, json, 10)
  const first = await openWith(directory, [windows])
  const put = (state: TaskState, key: string) => {
    const live = state.windowStore<string, unknown>('windows')
    live.set(live.find(key, 0), 1)
  }
  // Two fill a page of the index: the third is in a page that begins with this window.
  for (const key of ['a', 'b', 'c']) put(first.state, key.repeat(2100))
  const changelog = new MemoryChangelog()
  await first.state.apply(
    first.state.freeze(changelog, 0, new Map([['input', { offset: 1, progress: null }]])),
    changelog.commitNow(),
  )
  await first.state.close()
  const engine = readThrough((key, read) => {
    if (key[0] === 1) throw new Error('Corruption: block checksum mismatch')
    return read(key)
  })
  const { state } = await openWith(directory, [windows], { engine })
  const failed = expect.objectContaining({ code: 'STATE_WRITE_FAILED' })
  put(state, 'd')
  expect(() => state.freeze(changelog, 0, state.checkpoint)).toThrow(failed)
  expect(changelog.bytes).toBe(0)
  expect(() => state.windowStore<string, unknown>('windows').find('c', 0)).toThrow(failed)
  await state.close()
})

async function commitOne(state: TaskState, changelog: MemoryChangelog, name = 'totals', input = 'input') {
  const totals = state.keyValueStore<string, unknown>(name)
  totals.set(totals.find('a'), 1)
  const frozen = state.freeze(changelog, 0, new Map([[input, { offset: 7, progress: { at: [1] } }]]))
  await state.apply(frozen, changelog.commitNow())
}

function openWith(directory: string, stores: StoreDescription[], change: Partial<TaskStateOptions> = {}) {
  return openTaskState({ directory, job: 'job', task: '0-0', stores, inputs: ['input'], env: nodeEnv(), ...change })
}
