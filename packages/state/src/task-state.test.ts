import { join } from 'node:path'
import type { Serde } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { openTaskState } from './open-task-state.ts'
import { MemoryChangelog } from './testing/memory-changelog.ts'
import { float64, int32, json, rawBytes, text } from './testing/serdes.ts'
import { checkRanks } from './testing/sorted-entries.ts'
import { store } from './testing/store.ts'
import { temporaryDirectory } from './testing/temporary-directory.ts'
import { timedOf } from './testing/timed-entries.ts'
import { entriesOf } from './testing/window-entries.ts'

// Hundreds of databases are opened, perhaps on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const WINDOW_MS = 10
const STORES = [
  store('totals', float64, json),
  store('byBytes', rawBytes, json),
  store('windows', text, json, WINDOW_MS),
  store('byteWindows', rawBytes, json, WINDOW_MS),
  store('intervals', text, json, { kind: 'interval' }),
  store('instants', rawBytes, json, { kind: 'instant' }),
  store('ranks', text, json, { kind: 'sorted', order: int32 as unknown as Serde<never> }),
]
const NUMBERS = [-2.5, 0, 1, 3e300]
const TEXTS = ['', 'a', 'a\0', 'ÿ']
const BYTES = [Buffer.of(), Buffer.of(0), Buffer.of(0, 0xff), Buffer.of(0, 1)]
const STARTS = [-10, 0, 5_000_000_000]
const LENGTHS = [1, 5, 10]

/** What a state must hold: JSON of [store, key, start], or [store, key, start, end], → value. */
type Model = Map<string, unknown>

const set = fc.record({
  kind: fc.constant('set' as const),
  store: fc.constantFrom(0, 1, 2, 3, 4, 5, 6),
  key: fc.nat(3),
  start: fc.nat(2),
  length: fc.nat(2),
  value: fc.option(fc.nat(99), { nil: undefined }),
})
const step = fc.oneof(
  { weight: 12, arbitrary: set },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('keep' as const, 'takeBack' as const),
      sets: fc.array(set, { maxLength: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('freeze' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire' as const), start: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
type SetStep = typeof set extends fc.Arbitrary<infer S> ? S : never

test('A state equals a plain map through any changes, commits, evictions, restarts, crashes and restores', async () => {
  const root = temporaryDirectory()
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      // Every other run has groups of several batches.
      const changelog = new MemoryChangelog(run % 2 === 0 ? undefined : 300)
      const world = new World(join(root, String(run++)), changelog)
      await world.open()
      for (const each of steps) await world.take(each)
      await world.commitAll()
      await world.checkAll()
      await world.close()
    }),
    { numRuns: 40 },
  )
})

test('A change that was taken back is in no commit', async () => {
  const { state } = await openState(join(temporaryDirectory(), 'rewound'), 1000)
  const totals = state.keyValueStore<number, unknown>('totals')
  const windows = state.windowStore<string, unknown>('windows')
  totals.set(totals.find(0), 'kept')
  state.mark()
  totals.set(totals.find(0), 'first')
  totals.set(totals.find(0), undefined)
  totals.set(totals.find(1), 'other')
  windows.set(windows.find('a', 0), 1)
  expect(() => state.mark()).toThrow(/marked section/)
  state.rewind()
  const frozen = state.freeze(new MemoryChangelog(), 0, new Map())
  expect([...frozen.changes('totals')]).toEqual([{ key: 0, value: 'kept' }])
  expect([...frozen.changes('windows')]).toEqual([])
  await state.close()
})

test('A value that was changed after it came in, so that it cannot be written, is named by its store', async () => {
  const { state } = await openState(join(temporaryDirectory(), 'changed'), 1000)
  const totals = state.keyValueStore<number, { count: unknown }>('totals')
  const value: { count: unknown } = { count: 1 }
  totals.set(totals.find(0), value)
  value.count = 1n
  const freeze = () => state.freeze(new MemoryChangelog(), 0, new Map())
  expect(freeze).toThrow(expect.objectContaining({ code: 'RECORD_UNENCODABLE', place: { store: 'totals' } }))
  value.count = 2
  expect([...freeze().changes('totals')]).toEqual([{ key: 0, value: { count: 2 } }])
  await state.close()
})

/** A state, its changelog, and the maps that they must equal. */
class World {
  readonly #directory: string
  readonly #changelog: MemoryChangelog
  #state: TaskState | undefined
  #current: Model = new Map()
  /** As of the last group that the changelog has. */
  #logged: Model = new Map()
  #frozen: { readonly model: Model; readonly apply: () => Promise<void> } | undefined
  #copies = 0
  #commits = 0

  constructor(directory: string, changelog: MemoryChangelog) {
    this.#directory = directory
    this.#changelog = changelog
  }

  get state(): TaskState {
    if (this.#state === undefined) throw new Error('not open')
    return this.#state
  }

  async open(directory = this.#directory): Promise<void> {
    // So few entries that nearly every commit evicts some.
    const { state } = await openState(directory, 3)
    this.#state = state
    await this.#changelog.restore(state)
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'set':
        this.#set(step)
        return
      case 'keep':
        this.state.mark()
        for (const each of step.sets) this.#set(each)
        this.state.release()
        return
      case 'takeBack': {
        const before = new Map(this.#current)
        this.state.mark()
        for (const each of step.sets) this.#set(each)
        this.state.rewind()
        this.#current = before
        return
      }
      case 'freeze':
        if (this.#frozen === undefined) this.#freeze()
        return
      case 'read':
        this.#checkCurrent()
        return
      case 'commit':
        await this.commit()
        await this.#checkCommitted()
        return
      case 'reopen':
        await this.commitAll()
        await this.close()
        await this.open()
        this.#checkCurrent()
        return
      case 'crash':
        // What was frozen is in the changelog, but not in LevelDB; what came after is lost.
        await this.close()
        await this.open()
        this.#current = new Map(this.#logged)
        this.#frozen = undefined
        this.#checkCurrent()
        return
      case 'expire':
        this.#expire(STARTS[step.start] ?? 0)
        return
    }
  }

  async commit(): Promise<void> {
    if (this.#frozen === undefined) this.#freeze()
    await this.#frozen?.apply()
    this.#frozen = undefined
    this.#commits++
  }

  /** Includes what changed since an open freeze. */
  async commitAll(): Promise<void> {
    if (this.#frozen !== undefined) await this.commit()
    await this.commit()
  }

  async checkAll(): Promise<void> {
    this.#checkCurrent()
    await this.#checkCommitted()
    const { state } = await openState(`${this.#directory}-${this.#copies++}`, 1000)
    await this.#changelog.restore(state, 1 + (this.#commits % 3))
    expect(state.position).toEqual(this.state.position)
    expect(state.checkpoint).toEqual(this.state.checkpoint)
    expect(await committedOf(state)).toEqual(sorted(this.#logged))
    expect(contentOf(state)).toEqual(sorted(this.#logged))
    await state.close()
  }

  async close(): Promise<void> {
    await this.state.close()
  }

  #set({ store: which, key, start, length, value }: SetStep): void {
    const number = NUMBERS[key % NUMBERS.length] ?? 0
    const string = TEXTS[key] ?? ''
    const bytes = BYTES[key] ?? Buffer.of()
    const at = STARTS[start] ?? 0
    if (which < 2) {
      const keys = which === 0 ? this.state.keyValueStore('totals') : this.state.keyValueStore('byBytes')
      const entry = keys.find(which === 0 ? number : bytes)
      this.#model(
        [which === 0 ? 'totals' : 'byBytes', which === 0 ? number : bytes.toString('hex'), 0],
        entry.value,
        value,
      )
      keys.set(entry, value)
      return
    }
    if (which === 6) {
      const ranks = this.state.sortedStore<string, unknown, number>('ranks')
      const entry = ranks.find(string)
      this.#model(['ranks', string, 0], entry.value?.value, value)
      ranks.set(entry, value === undefined ? undefined : { value, order: start - 1 })
      checkRanks(ranks, string, value === undefined ? undefined : start - 1)
      return
    }
    if (which >= 4) {
      this.#setTimed(which === 4 ? string : bytes, at, LENGTHS[length] ?? 1, value)
      return
    }
    const name = which === 2 ? 'windows' : 'byteWindows'
    const windows = this.state.windowStore(name)
    const entry = windows.find(which === 2 ? string : bytes, at)
    this.#model([name, which === 2 ? string : bytes.toString('hex'), at], entry.value, value)
    windows.set(entry, value)
  }

  #setTimed(key: string | Buffer, start: number, length: number, value: unknown): void {
    if (typeof key === 'string') {
      const intervals = this.state.intervalStore<string, unknown>('intervals')
      const entry = intervals.find(key, start, start + length)
      this.#model(['intervals', key, start, start + length], entry.value, value)
      intervals.set(entry, value)
    } else {
      const instants = this.state.instantStore<Buffer, unknown>('instants')
      const entry = instants.find(key, start, length)
      this.#model(['instants', key.toString('hex'), start, length], entry.value, value)
      instants.set(entry, value)
    }
  }

  #model(id: readonly unknown[], found: unknown, value: unknown): void {
    expect(found).toEqual(this.#current.get(JSON.stringify(id)))
    if (value === undefined) this.#current.delete(JSON.stringify(id))
    else this.#current.set(JSON.stringify(id), value)
  }

  #expire(before: number): void {
    for (const name of ['windows', 'byteWindows']) {
      const windows = this.state.windowStore(name)
      while (windows.expire(before));
      for (const id of this.#current.keys()) {
        const [store, , start] = JSON.parse(id)
        if (store === name && start < before) this.#current.delete(id)
      }
    }
    while (this.state.intervalStore('intervals').expire(before));
    while (this.state.instantStore('instants').expire(before));
    for (const id of this.#current.keys()) {
      const [store, , start, end] = JSON.parse(id)
      if ((store === 'intervals' && end < before) || (store === 'instants' && start < before)) this.#current.delete(id)
    }
  }

  #freeze(): void {
    const { state } = this
    const time = { at: this.#commits }
    const checkpoint = new Map([['input', { offset: this.#commits, progress: [this.#commits], time }]])
    const frozen = state.freeze(this.#changelog, 0, checkpoint)
    const position = this.#changelog.commitNow()
    const model = new Map(this.#current)
    this.#logged = model
    this.#frozen = {
      model,
      apply: async () => {
        await state.apply(frozen, position)
        expect(state.position).toEqual(position)
        expect(state.checkpoint).toEqual(checkpoint)
      },
    }
  }

  #checkCurrent(): void {
    expect(contentOf(this.state)).toEqual(sorted(this.#current))
  }

  async #checkCommitted(): Promise<void> {
    expect(await committedOf(this.state)).toEqual(sorted(this.#logged))
  }
}

function openState(directory: string, entriesMax: number) {
  const env = nodeEnv()
  return openTaskState({ directory, job: 'job', task: '0-0', stores: STORES, inputs: ['input'], env, entriesMax })
}

function sorted(model: Model): unknown[] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Everything that a state's write-back stores return. Windows are read twice, by visits and by finds, which must agree. */
function contentOf(state: TaskState): unknown[] {
  const model: Model = new Map()
  const ranks = state.sortedStore<string, unknown, number>('ranks')
  const windows = state.windowStore<string, unknown>('windows')
  const byteWindows = state.windowStore<Buffer, unknown>('byteWindows')
  for (const [key, start, value] of entriesOf(windows)) model.set(JSON.stringify(['windows', key, start]), value)
  for (const [key, start, value] of entriesOf(byteWindows)) {
    model.set(JSON.stringify(['byteWindows', key.toString('hex'), start]), value)
  }
  for (const start of STARTS) {
    for (const key of TEXTS) {
      expect(windows.find(key, start).value).toEqual(model.get(JSON.stringify(['windows', key, start])))
    }
    for (const key of BYTES) {
      const id = JSON.stringify(['byteWindows', key.toString('hex'), start])
      expect(byteWindows.find(key, start).value).toEqual(model.get(id))
    }
  }
  for (const { key, value } of ranks.inOrder()) put(model, ['ranks', key, 0], value?.value)
  for (const [id, value] of timedOf(state, TEXTS, BYTES)) put(model, id, value)
  const totals = state.keyValueStore<number, unknown>('totals')
  for (const key of NUMBERS) put(model, ['totals', key, 0], totals.find(key).value)
  const byBytes = state.keyValueStore<Buffer, unknown>('byBytes')
  for (const key of BYTES) put(model, ['byBytes', key.toString('hex'), 0], byBytes.find(key).value)
  return sorted(model)
}

async function committedOf(state: TaskState): Promise<unknown[]> {
  const model: Model = new Map()
  for (const { name } of STORES) {
    const store = state.committed<unknown, unknown>(name)
    let after: Buffer | undefined
    do {
      const page = await store.range({ limit: 2, ...(after === undefined ? {} : { after }) })
      expect(page.order.map(String)).toEqual([...page.order].sort(Buffer.compare).map(String))
      for (const { key, window, instant, value } of page.entries) {
        const id = Buffer.isBuffer(key) ? key.toString('hex') : key
        if (instant !== undefined) {
          model.set(JSON.stringify([name, id, instant.at, instant.sequence]), value)
          continue
        }
        if (name === 'intervals') {
          model.set(JSON.stringify([name, id, window?.start, window?.end]), value)
          const longest = await store.getWindow(key, window?.start ?? 0)
          expect(longest?.window?.end).toBeGreaterThanOrEqual(window?.end ?? 0)
          continue
        }
        model.set(JSON.stringify([name, id, window?.start ?? 0]), value)
        const got = window === undefined ? await store.get(key) : await store.getWindow(key, window.start)
        expect(got).toEqual(window === undefined ? value : { key, window, value })
        if (window !== undefined) expect(window.end - window.start).toBe(WINDOW_MS)
      }
      after = page.next ?? undefined
    } while (after !== undefined)
  }
  return sorted(model)
}

function put(model: Model, id: readonly unknown[], value: unknown): void {
  if (value !== undefined) model.set(JSON.stringify(id), value)
}
