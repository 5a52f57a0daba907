import type { Batch, Log, PartitionReader } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import { expect, test } from 'vitest'
import { ChangelogFollower } from './changelog-follower.ts'

const CHANGELOG = { job: 'job', changelog: 'job.changelog' }
const VALUE_BYTES = 1024 * 1024

/** A changelog of groups with one record of 1 MiB each, as far as a restore looks at them. */
function changelogOf(groups: number, tombstonesGone = false): Log {
  const assign = async (_topic: string, _partition: number, from: number) => {
    let position = from
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
      endOffset: groups,
      compactedBefore: 0,
      get position() {
        return position
      },
      poll: () => (position < groups ? batch(position++) : undefined),
    } as PartitionReader
  }
  const openReader = () => ({ assign, close: async () => undefined })
  return { openReader, admin: { offsets: async () => ({ start: 0, end: groups }) } } as unknown as Log
}

test('a restore applies what it has read every 4 MiB, so that a large state is never in memory', async () => {
  const applied: number[] = []
  let waiting = 0
  const state = {
    position: { nextOffset: 0, checksum: null },
    restorer: () => ({
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
    restorer: () => ({ add: () => undefined, apply: async () => undefined }),
  } as unknown as TaskState
  await expect(new ChangelogFollower(changelogOf(1, true), state, CHANGELOG, 0).catchUp()).rejects.toMatchObject({
    code: 'TOMBSTONES_GONE',
    place: { topic: 'job.changelog', partition: 0 },
  })
})
