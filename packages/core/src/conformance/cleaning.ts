import assert from 'node:assert/strict'
import { assertAscending, foldLatest, openWriter, throwsCode } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { readAll, write } from './records.ts'

/** Offsets by time, purging, and compaction. */
export function cleaningConformance({ test }: LogTests): void {
  test('finds the first record at or after a time', async (log) => {
    const [partition, writer] = await openWriter(log)
    const times = [10, 20, 15, 30, 25, 40]
    for (const at of times) write(partition, 'k', 'v', at)
    await writer.flush()
    for (const [at, offset] of [
      [0, 0],
      [10, 0],
      [11, 1],
      [20, 1],
      [21, 3],
      [30, 3],
      [31, 5],
      [41, 6],
    ] as const) {
      assert.equal(await log.admin.offsetAt('t', 0, at), offset, `time ${at}`)
    }
  })

  test('rejects reads before the start after a purge', async (log) => {
    const [partition, writer] = await openWriter(log, { segmentBytes: 1024 })
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 10; index++) write(partition, 'k', 'x'.repeat(200))
      await writer.flush()
    }
    await log.admin.purge('t', 0, 30)
    const { start, end } = await log.admin.offsets('t', 0)
    assert.ok(start > 0 && start <= 30, `start ${start}`)
    assert.equal(end, 50)
    const reader = log.openReader()
    const before = await reader.assign('t', 0, 0)
    throwsCode('OFFSET_GONE', () => before.poll())
    before.seek(start)
    assert.equal(readAll(before)[0]?.offset, start)
  })

  test('compacts to the latest record of each key, at its offset', async (log) => {
    const [partition, writer] = await openWriter(log, { cleanup: 'compact', segmentBytes: 1024 })
    const latest = new Map<string, [number, string]>()
    for (let index = 0; index < 300; index++) {
      const key = `k${(index * 7) % 11}`
      write(partition, key, `v${index}`, index)
      latest.set(key, [index, `v${index}`])
      if (index % 20 === 19) await writer.flush()
    }
    await writer.flush()
    const reader = log.openReader()
    const following = await reader.assign('t', 0, 0)
    following.poll()
    await log.admin.clean('t')
    const records = readAll(await log.openReader().assign('t', 0, 0))
    assert.ok(records.length < 300, `${records.length} records are left`)
    assert.deepEqual(foldLatest(records), latest)
    assertAscending(records)
    assertAscending(readAll(following))
    write(partition, 'k0', 'after')
    await writer.flush()
    assert.equal((await log.admin.offsets('t', 0)).end, 301)
  })

  test('deletes what is older than its retention, by the times of records', async (log) => {
    const [partition, writer] = await openWriter(log, { retentionMs: 60_000, segmentBytes: 1024 })
    // The clock of every log of the suite is far before the second of these times, and far after the first.
    for (const at of [1, 2 ** 50, 1]) {
      for (let index = 0; index < 10; index++) write(partition, 'k', 'x'.repeat(200), at)
      await writer.flush()
    }
    await log.admin.clean('t')
    assert.deepEqual(await log.admin.offsets('t', 0), { start: 10, end: 30 })
    const records = readAll(await log.openReader().assign('t', 0, 10))
    assert.equal(records[0]?.offset, 10)
    assert.equal(records.length, 20)
  })

  test('deletes the oldest records when a partition is larger than its retention, and keeps at least that size', async (log) => {
    const retentionBytes = 6_000
    const [partition, writer] = await openWriter(log, { retentionBytes, segmentBytes: 1024 })
    for (let round = 0; round < 10; round++) {
      for (let index = 0; index < 10; index++) write(partition, 'k', 'x'.repeat(200))
      await writer.flush()
    }
    const before = await log.admin.sizeBytes('t')
    await log.admin.clean('t')
    const { start, end } = await log.admin.offsets('t', 0)
    assert.ok(start > 0, 'something is deleted')
    assert.equal(end, 100)
    const size = await log.admin.sizeBytes('t')
    assert.ok(size <= before && size >= retentionBytes, `${size} bytes are left of ${before}`)
    assert.equal(readAll(await log.openReader().assign('t', 0, start)).length, end - start)
  })

  test('keeps everything if no retention is set', async (log) => {
    const [partition, writer] = await openWriter(log, { segmentBytes: 1024 })
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 10; index++) write(partition, 'k', 'x'.repeat(200), 1)
      await writer.flush()
    }
    await log.admin.clean('t')
    assert.deepEqual(await log.admin.offsets('t', 0), { start: 0, end: 50 })
  })

  test('compaction leaves a young tombstone, not what it deleted, and every record without a key', async (log) => {
    const [partition, writer] = await openWriter(log, { cleanup: 'compact', segmentBytes: 1024 })
    write(partition, 'gone', 'old')
    write(partition, '', 'empty key, old')
    write(partition, null, 'no key')
    write(partition, 'gone', null, 2 ** 50)
    write(partition, null, 'no key')
    write(partition, '', 'empty key')
    write(partition, 'filler', 'x'.repeat(1500))
    await writer.flush()
    write(partition, 'active', 'v')
    await writer.flush()
    await log.admin.clean('t')
    const records = readAll(await log.openReader().assign('t', 0, 0))
    assert.deepEqual(
      records.filter(({ key }) => key !== 'filler').map(({ offset, key, value }) => [offset, key, value]),
      [
        [2, null, 'no key'],
        [3, 'gone', null],
        [4, null, 'no key'],
        [5, '', 'empty key'],
        [7, 'active', 'v'],
      ],
    )
  })
}
