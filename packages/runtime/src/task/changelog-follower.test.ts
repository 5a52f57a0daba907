import type { Batch, Log, PartitionReader } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import { expect, test } from 'vitest'
import { ChangelogFollower, type Pacing } from './changelog-follower.ts'

const CHANGELOG = { job: 'job', changelog: 'job.changelog' }
const VALUE_BYTES = 2 * 1024 * 1024

/**
 * A changelog of batches with one record of 2 MiB each, as far as a restore looks at them. Before the batch `decidedAfterWait`
 * there is nothing to read until the reader has waited.
 */
function changelogOf(batches: number, { tombstonesGone = false, decidedAfterWait = -1 } = {}): Log {
  let decided = false
  const assign = async (_topic: string, _partition: number, from: number) => {
    let position = from
    decided = false
    const batch = (offset: number) => {
      let read = false
      const next = () => {
        const first = !read
        read = true
        return first
      }
      const fields = {
        tombstonesGone,
        keyStart: 0,
        keyEnd: 0,
        valueStart: 0,
        valueEnd: VALUE_BYTES,
        nextOffset: offset + 1,
      }
      return { ...fields, next, recordsChecksum: () => offset } as unknown as Batch
    }
    return {
      endOffset: batches,
      compactedBefore: 0,
      close: () => undefined,
      get position() {
        return position
      },
      poll: () => (position < batches && (decided || position !== decidedAfterWait) ? batch(position++) : undefined),
    } as PartitionReader
  }
  const wait = async () => {
    decided = true
  }
  const openReader = () => ({ assign, wait, close: async () => undefined })
  return { openReader, admin: { offsets: async () => ({ start: 0, end: batches }) } } as unknown as Log
}

test('a restore applies what it has read every 8 MiB, so that a large state is never in memory', async () => {
  const applied: number[] = []
  let waiting = 0
  const state = {
    position: { nextOffset: 0, checksum: null },
    restorer: () => ({
      beginBatch: () => undefined,
      whole: true,
      add: () => {
        waiting++
      },
      apply: async ({ nextOffset }: { nextOffset: number }) => {
        applied.push(nextOffset)
        expect(waiting).toBeLessThanOrEqual(4)
        waiting = 0
      },
    }),
  } as unknown as TaskState
  const follower = new ChangelogFollower(changelogOf(10), state, CHANGELOG, 0)
  expect((await follower.catchUp()).records).toBe(10)
  expect(applied).toEqual([4, 8, 10])
})

test('a restore from the start that meets dropped deletions, as one of more than a day does, is refused', async () => {
  const state = {
    position: { nextOffset: 0, checksum: null },
    restorer: () => ({ beginBatch: () => {}, whole: true, add: () => undefined, apply: async () => undefined }),
  } as unknown as TaskState
  await expect(
    new ChangelogFollower(changelogOf(1, { tombstonesGone: true }), state, CHANGELOG, 0).catchUp(),
  ).rejects.toMatchObject({
    code: 'TOMBSTONES_GONE',
    place: { topic: 'job.changelog', partition: 0 },
  })
})

test.each([
  ['is read', {}],
  ['waits for a decision in its middle', { decidedAfterWait: 5 }],
])(
  'a group of several batches is applied whole, together with what came just before it, when it %s',
  async (_, log) => {
    const { state, applied } = stateOf([4, 5, 6])
    const follower = new ChangelogFollower(changelogOf(8, log), state, CHANGELOG, 0)
    expect((await follower.catchUp()).records).toBe(8)
    // By size, a run would end with the batches 3 and 7; those from 4 to 6 are not the end of a group.
    expect(applied).toEqual([4, 8])
  },
)

test('what is committed of a group is not applied while the group is not committed as a whole', async () => {
  const { state, applied } = stateOf([1, 2])
  await new ChangelogFollower(changelogOf(3), state, CHANGELOG, 0).catchUp({ to: 'committed' })
  expect(applied).toEqual([])
  const longer = stateOf([5])
  await new ChangelogFollower(changelogOf(6), longer.state, CHANGELOG, 0).catchUp({ to: 'committed' })
  expect(longer.applied).toEqual([4])
})

test('a changelog that ends in the middle of a group is refused: a part of a commit is missing', async () => {
  const { state, applied } = stateOf([2])
  await expect(new ChangelogFollower(changelogOf(3), state, CHANGELOG, 0).catchUp()).rejects.toMatchObject({
    code: 'CHANGELOG_CUT',
    message: expect.stringContaining('ends at offset 3, in the middle of a commit'),
    place: { job: 'job', topic: 'job.changelog', partition: 0, offset: 3 },
  })
  expect(applied).toEqual([])
})

/** An empty state to which those batches, by number, are not the last ones of their groups; and where it was applied. */
function stateOf(continued: readonly number[]): { state: TaskState; applied: number[]; discards: () => number } {
  const applied: number[] = []
  let discarded = 0
  let batch = -1
  const restorer = {
    beginBatch: () => {
      batch++
    },
    get whole() {
      return !continued.includes(batch)
    },
    add: () => undefined,
    apply: async ({ nextOffset }: { nextOffset: number }) => {
      expect(continued).not.toContain(batch)
      applied.push(nextOffset)
    },
  }
  const discard = async () => {
    discarded++
  }
  const state = { position: { nextOffset: 0, checksum: null }, restorer: () => restorer, discard }
  return { state: state as unknown as TaskState, applied, discards: () => discarded }
}

test('a follower reports what it has applied and how much is left, and pauses between batches', async () => {
  const { state } = stateOf([])
  const stop = new AbortController()
  const reports: [records: number, behind: number][] = []
  let pauses = 0
  const pacing: Pacing = {
    batchBytes: 2 * VALUE_BYTES,
    pause: () => {
      pauses++
      return Promise.resolve()
    },
    rest: async () => stop.abort(),
  }
  const applied = (records: number, behind: number) => void reports.push([records, behind])
  await new ChangelogFollower(changelogOf(5), state, CHANGELOG, 0, pacing).follow(stop.signal, { applied })
  expect(reports).toEqual([
    [2, 3],
    [2, 1],
    [1, 0],
  ])
  expect(pauses).toBe(5)
})

test('a follower that meets dropped deletions which it has not read discards its state, and reports that', async () => {
  const { state, discards } = stateOf([])
  Object.assign(state, { position: { nextOffset: 1, checksum: 0 } })
  const stop = new AbortController()
  const discarded = (reason: string) => {
    stop.abort()
    throw new Error(reason)
  }
  const follower = new ChangelogFollower(changelogOf(5, { tombstonesGone: true }), state, CHANGELOG, 0)
  await expect(follower.follow(stop.signal, { discarded })).rejects.toThrow('that the store had not read')
  expect(discards()).toBe(1)
})
