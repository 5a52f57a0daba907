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

  test('lets nobody read before the start after a purge', async (log) => {
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
}
