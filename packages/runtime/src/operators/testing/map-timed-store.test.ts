import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json, type RecordGroup, type Serde, string } from '@millrace/core'
import type { Entry, InstantStore, IntervalStore, TaskState } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { openTaskState } from '@millrace/state'
import { array, assert, asyncProperty, boolean, constantFrom, integer, option, record } from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { MapTimedStore } from './map-timed-store.ts'

const DROPPED: RecordGroup = {
  bytes: 0,
  room: Number.POSITIVE_INFINITY,
  endBatch: () => {},
  append: () => {},
  discard: () => {},
}

type AnyStore = IntervalStore<string, number> & InstantStore<string, number>

const time = integer({ min: -4, max: 8 })
const step = record({
  kind: constantFrom('set', 'set', 'set', 'takeBack', 'read', 'read', 'expire', 'commit'),
  key: constantFrom('a', 'b', ''),
  start: time,
  length: integer({ min: 1, max: 5 }),
  value: option(integer(), { nil: undefined }),
  reverse: boolean(),
})

test.each(['interval', 'instant'] as const)(
  'a store by %s in a map behaves as the one on disk, whatever is set, deleted, expired and read',
  async (kind) => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-map-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    let run = 0
    await assert(
      asyncProperty(array(step, { maxLength: 50, size: 'max' }), async (steps) => {
        const state = await openState(join(directory, `${run++}`), kind)
        const disk = (kind === 'interval' ? state.intervalStore('s') : state.instantStore('s')) as AnyStore
        const map = new MapTimedStore<string, number>(kind)
        let commits = 0
        for (const { kind: what, key, start, length, value, reverse } of steps) {
          const end = kind === 'interval' ? start + length : length
          switch (what) {
            case 'set':
              for (const store of [disk, map]) store.set(store.find(key, start, end), value, start)
              break
            case 'takeBack':
              for (const each of [state, map]) each.mark()
              for (const store of [disk, map]) store.set(store.find(key, start, end), value, start)
              for (const each of [state, map]) each.rewind()
              break
            case 'expire':
              for (const store of [disk, map]) while (store.expire(start));
              break
            case 'read':
              expect(read(disk, key, start, end, reverse)).toEqual(read(map, key, start, end, reverse))
              break
            case 'commit':
              await state.apply(state.freeze(DROPPED, 0, new Map()), { nextOffset: ++commits, checksum: commits })
          }
        }
        expect(read(disk, 'a', -100, 100, false)).toEqual(read(map, 'a', -100, 100, false))
        await state.close()
      }),
      { numRuns: 60 },
    )
  },
)

/** All that a store returns about a range; where it may return a time without entries, what it has from there. */
function read(
  store: AnyStore | MapTimedStore<string, number>,
  key: string,
  from: number,
  to: number,
  reverse: boolean,
) {
  const ofKey = [...store.ofKey(key, from, to, reverse)].map(contentOf)
  const byTime: unknown[] = []
  let at = reverse ? store.lastTime(to) : store.firstTime(from)
  while (at !== undefined && at >= from && at < to) {
    const scan = store.scan(at)
    const entries: unknown[] = []
    for (let moved = scan.step(); moved !== 'end'; moved = scan.step()) {
      if (moved === 'entry') entries.push(contentOf(scan.entry))
    }
    if (entries.length > 0) byTime.push([at, entries.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))])
    at = reverse ? store.lastTime(at) : store.firstTime(at + 1)
  }
  return { ofKey, byTime }
}

function contentOf({ key, value, time: kept, ...place }: Entry<string, number>) {
  const { start, end } = place as { start?: number; end?: number }
  return { key, value, kept, start, end }
}

async function openState(directory: string, kind: 'interval' | 'instant'): Promise<TaskState> {
  const store = {
    name: 's',
    key: string() as Serde<never>,
    value: json() as Serde<never>,
    shape: { kind },
    timed: true,
  }
  const place = { directory, job: 'job', task: '0-0', stores: [store], inputs: [], env: nodeEnv(), entriesMax: 5 }
  return (await openTaskState(place)).state
}
