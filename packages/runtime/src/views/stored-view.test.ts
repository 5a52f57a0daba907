import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordGroup, Serde } from '@millrace/core'
import { json, string } from '@millrace/core'
import type { StoreRange, TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { openTaskState } from '@millrace/state'
import {
  asyncProperty,
  boolean,
  assert as check,
  constantFrom,
  integer,
  nat,
  option,
  record,
  uniqueArray,
} from 'fast-check'
import { NEVER } from 'rxjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findEntry, findPage } from './read-view.ts'
import type { ServedView } from './served-view.ts'
import { ANY_EFFORT } from './testing/any-effort.ts'
import { MemoryView } from './testing/memory-view.ts'

const PARTS = 2
const WINDOW = 10
const KEYS = ['', '\0', '\0ÿ', 'a', 'a\0', 'ab', 'b', 'é', '𝄞']

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-views-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const dropped: RecordGroup = {
  bytes: 0,
  room: Number.POSITIVE_INFINITY,
  endBatch: () => {},
  append: () => {},
  discard: () => {},
}

const maybe = <T>(arbitrary: Parameters<typeof option<T>>[0]) => option(arbitrary, { nil: undefined })

/** The view over real stores: what a container serves. */
function storedView(model: MemoryView, states: readonly TaskState[]): ServedView {
  const { name, key, value, shape, partitions } = model
  const parts = states.map((state, partition) => ({
    partition,
    store: state.committed<unknown, unknown>(name),
    position: {},
    changes: NEVER,
    positions: NEVER,
  }))
  return { name, key, value, shape, partitions, completeFrom: {}, sources: {}, remoteOwners: [], parts }
}

async function openStates(run: number): Promise<TaskState[]> {
  const serdes = { key: string() as Serde<never>, value: json() as Serde<never> }
  const store = { name: 'delays', ...serdes, shape: { kind: 'window', sizeMs: WINDOW } as const, timed: false }
  const opened = Array.from({ length: PARTS }, (_, part) =>
    openTaskState({
      directory: join(directory, `${run}-${part}`),
      job: 'job',
      task: `flights-${part}`,
      stores: [store],
      inputs: ['flights'],
      env: nodeEnv(),
    }),
  )
  return (await Promise.all(opened)).map(({ state }) => state)
}

async function commit(state: TaskState, rows: readonly { key: string; start: number; value: number }[]) {
  const store = state.windowStore<string, number>('delays')
  for (const { key, start, value } of rows) store.set(store.find(key, start), value)
  const frozen = state.freeze(dropped, 0, new Map())
  await state.apply(frozen, { nextOffset: 1, checksum: 1 })
}

async function walk(view: ServedView, range: Omit<StoreRange<unknown>, 'limit'>, limit: number): Promise<string[]> {
  const found: string[] = []
  let after: Buffer | undefined
  do {
    const { value } = await findPage(view, { ...range, limit, ...(after && { after }) }, ANY_EFFORT)
    found.push(...value.entries)
    after = value.next ?? undefined
  } while (after !== undefined)
  return found
}

test('a view over real stores answers as its model does, page by page', async () => {
  const row = record({
    key: constantFrom(...KEYS),
    start: integer({ min: -3, max: 3 }).map((n) => n * WINDOW),
    part: nat(PARTS - 1),
    value: nat(100),
  })
  const rows = uniqueArray(row, {
    selector: ({ key, start, part }) => `${part}/${start}/${key}`,
    maxLength: 40,
    size: 'max',
  })
  const key = maybe(constantFrom(...KEYS))
  const start = maybe(integer({ min: -40, max: 40 }))
  const range = record({
    key,
    from: key,
    to: key,
    prefix: maybe(constantFrom('', 'a', '\0')),
    windowFrom: start,
    windowTo: start,
    by: maybe(constantFrom('key' as const, 'time' as const)),
    reverse: maybe(boolean()),
  })
  let run = 0
  await check(
    asyncProperty(rows, range, integer({ min: 1, max: 5 }), async (all, bounds, limit) => {
      const model = new MemoryView({
        name: 'delays',
        key: string(),
        value: json(),
        windowMs: WINDOW,
        positions: [{}, {}],
      })
      const states = await openStates(run++)
      try {
        for (const [part, state] of states.entries()) {
          const own = all.filter((candidate) => candidate.part === part)
          await commit(state, own)
          const window = (from: number) => ({ start: from, end: from + WINDOW })
          model.commit(
            part,
            {},
            own.map((each) => ({ key: each.key, window: window(each.start), value: each.value })),
          )
        }
        const view = storedView(model, states)
        const prefix = bounds.prefix === undefined ? undefined : Buffer.from(bounds.prefix)
        const given = Object.fromEntries(
          Object.entries({ ...bounds, prefix }).filter(([, bound]) => bound !== undefined),
        )
        expect(await walk(view, given, limit)).toEqual(await walk(model, given, 1000))
        for (const each of all) {
          const found = await findEntry(view, each.key, each.start)
          expect(found.value).toEqual((await findEntry(model, each.key, each.start)).value)
        }
      } finally {
        for (const state of states) await state.close()
      }
    }),
    { numRuns: 60 },
  )
})
