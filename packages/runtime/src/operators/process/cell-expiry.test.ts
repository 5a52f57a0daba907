import { int64, type Serde } from '@millrace/core'
import { expect, test } from 'vitest'
import { CombinedTime } from '../../task/event-time.ts'
import { MapState } from '../../task/testing/map-state.ts'
import { CellExpiry } from './cell-expiry.ts'

const order = int64() as unknown as Serde<never>

/** A cell with entries that are written and deleted at times, and a time that moves. */
function cellOf(state = newState()) {
  const kept = state.keyValueStore<string, number>('kept')
  const byTime = state.sortedStore<unknown, number, number>('by-time')
  const source = { watermark: 0, idle: false }
  const time = new CombinedTime('source', [source], 1000)
  return {
    state,
    /** What a version of the job with this time to live does. */
    withTtl: (ttlMs: number) => {
      const expiry = new CellExpiry('kept.expiry', ttlMs, time, kept, byTime)
      expiry.resume()
      return {
        write: (key: string, at: number) => {
          expiry.written(kept.find(key), at)
          kept.set(kept.find(key), 1, at)
        },
        delete: (key: string) => {
          expiry.removed(kept.find(key))
          kept.set(kept.find(key), undefined)
        },
        reach: (watermark: number) => {
          source.watermark = watermark
          time.update()
          expiry.look()
          while (expiry.dueAt <= watermark) expiry.step()
        },
      }
    },
    keys: () => Object.keys(state.rows('kept')),
    timed: () => Array.from(byTime.inOrder(), ({ key, value }) => [key, value?.order]),
  }
}

function newState(): MapState {
  return new MapState([
    { name: 'kept', shape: { kind: 'key' } },
    { name: 'by-time', shape: { kind: 'sorted', order } },
  ])
}

test('an entry is deleted at the next sixteenth of its time to live, and not before it is gone', () => {
  const { withTtl, keys } = cellOf()
  const cell = withTtl(160)
  cell.write('a', 0)
  cell.write('b', 1)
  cell.reach(159)
  expect(keys()).toEqual(['a', 'b'])
  cell.reach(160)
  expect(keys()).toEqual(['b'])
  cell.reach(169)
  expect(keys()).toEqual(['b'])
  cell.reach(170)
  expect(keys()).toEqual([])
})

test('an entry that is written again stays, and one that is deleted leaves nothing behind', () => {
  const { withTtl, keys, timed } = cellOf()
  const cell = withTtl(160)
  for (const at of [0, 5, 50, 55]) cell.write('a', at)
  cell.write('b', 0)
  cell.delete('b')
  expect(timed()).toEqual([['a', 220]])
  cell.reach(219)
  expect(keys()).toEqual(['a'])
  cell.reach(220)
  expect(keys()).toEqual([])
  expect(timed()).toEqual([])
})

test('a time to live that has become longer counts for what was written before', () => {
  const { withTtl, keys, timed } = cellOf()
  withTtl(16).write('a', 0)
  const longer = withTtl(160)
  longer.reach(20)
  expect(keys()).toEqual(['a'])
  longer.reach(159)
  expect(keys()).toEqual(['a'])
  longer.reach(160)
  expect(keys()).toEqual([])
  expect(timed()).toEqual([])
})

test('any number of entries is deleted in steps', () => {
  const { withTtl, keys, timed } = cellOf()
  const cell = withTtl(16)
  for (let at = 0; at < 200; at++) cell.write(`k${at}`, at % 7)
  cell.reach(100)
  expect(keys()).toEqual([])
  expect(timed()).toEqual([])
})
