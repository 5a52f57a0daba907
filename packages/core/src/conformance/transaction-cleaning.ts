import assert from 'node:assert/strict'
import type { Log } from '../contracts/log.ts'
import { assertAscending, foldLatest, recordsIn, values, valuesIn } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { readAll, write } from './records.ts'

const FILLER = 'x'.repeat(300)

/** Compaction, retention and purging with committed, aborted and open transactions. */
export function transactionCleaningConformance({ test }: LogTests): void {
  test('compaction keeps the latest committed record of each key, and nothing of what was aborted', async (log) => {
    await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 1024 })
    const [writer, aborting] = [await log.openTransactionalWriter('id'), await log.openTransactionalWriter('other')]
    const [partition, aborted] = [await writer.openPartition('t', 0), await aborting.openPartition('t', 0)]
    const group = await writer.openGroup('t', 0)
    for (let index = 0; index < 60; index++) {
      const key = `k${(index * 7) % 11}`
      const grouped = index % 2 === 0
      write(grouped ? group : partition, key, `v${index} ${FILLER}`)
      await (grouped ? writer.commit([group]) : writer.flush())
      // Aborted records come later, and some of them delete: neither may count.
      write(aborted, key, index % 3 === 0 ? null : `aborted ${index} ${FILLER}`, 2 ** 50)
      write(aborted, null, `aborted ${index}`)
      await aborting.flush()
      if (!grouped) await writer.commit([])
      await aborting.abort()
    }
    await closeSegments(log)
    const before = await recordsIn(log)
    const reader = await log.openReader().assign('t', 0, 0)
    reader.poll()
    await log.admin.clean('t')
    const after = await recordsIn(log)
    assert.ok(after.length < 60, `${after.length} records are left`)
    assertAscending(after)
    assert.deepEqual(foldLatest(after), foldLatest(before))
    const kept = await valuesIn(log, 0, 'uncommitted')
    assert.ok(kept.every((value) => value?.startsWith('aborted') !== true))
    const following = readAll(reader)
    assertAscending(following)
    assert.equal(reader.position, (await log.admin.offsets('t', 0)).end)
    // From every start offset, the fold over what follows is as it was.
    for (const { offset } of before) {
      assert.deepEqual(
        foldLatest(await recordsIn(log, 0, 'committed', offset)),
        foldLatest(after.filter((record) => record.offset >= offset)),
      )
    }
    await log.admin.clean('t')
    assert.deepEqual(foldLatest(await recordsIn(log)), foldLatest(before))
  })

  for (const outcome of ['committed', 'aborted'] as const) {
    test(`compaction changes neither a transaction that is ${outcome} later nor anything after it`, async (log) => {
      await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 1024 })
      const [writer, opener] = [await log.openTransactionalWriter('id'), await log.openTransactionalWriter('other')]
      const [partition, open] = [await writer.openPartition('t', 0), await opener.openPartition('t', 0)]
      const plain = log.openWriter()
      const plainPartition = await plain.openPartition('t', 0)
      const round = async (index: number) => {
        write(partition, `k${index % 5}`, `v${index} ${FILLER}`)
        await writer.commit([])
        write(plainPartition, `k${index % 7}`, `p${index} ${FILLER}`)
        await plain.flush()
      }
      for (let index = 0; index < 20; index++) await round(index)
      await closeSegments(log)
      for (let index = 20; index < 40; index++) {
        if (index % 5 === 0) {
          write(open, `k${index % 4}`, `open ${index} ${FILLER}`)
          await opener.flush()
        }
        await round(index)
      }
      await closeSegments(log)
      const { end } = await log.admin.offsets('t', 0)
      const undecided = await recordsIn(log, 0, 'uncommitted', end)
      const before = await recordsIn(log)
      await log.admin.clean('t')
      assert.equal((await log.admin.offsets('t', 0)).end, end)
      assert.deepEqual(await recordsIn(log, 0, 'uncommitted', end), undecided)
      const after = await recordsIn(log)
      assert.ok(after.length < 40, `${after.length} records are left`)
      assert.deepEqual(foldLatest(after), foldLatest(before))
      await (outcome === 'committed' ? opener.commit([]) : opener.abort())
      const counted = undecided.filter(({ value }) => outcome === 'committed' || value?.startsWith('open') !== true)
      assert.deepEqual(await recordsIn(log, 0, 'committed', end), counted)
      const decided = foldLatest(await recordsIn(log))
      assert.deepEqual(decided, foldLatest([...before, ...counted]))
      await closeSegments(log)
      const closed = foldLatest(await recordsIn(log))
      await log.admin.clean('t')
      assert.deepEqual(foldLatest(await recordsIn(log)), closed)
      assert.ok((await recordsIn(log)).length < 40)
    })
  }

  test('retention and purges delete nothing that is not decided', async (log) => {
    await log.admin.createTopic('t', { retentionBytes: 2000, segmentBytes: 1024 })
    const [writer, plain] = [await log.openTransactionalWriter('id'), log.openWriter()]
    const [partition, plainPartition] = [await writer.openPartition('t', 0), await plain.openPartition('t', 0)]
    const committed: string[] = []
    for (let index = 0; index < 40; index++) {
      if (index >= 10 && index % 10 === 0) {
        write(partition, 'k', `open ${index} ${FILLER}`)
        committed.push(`open ${index} ${FILLER}`)
        await writer.flush()
      }
      write(plainPartition, 'k', `plain ${index} ${FILLER}`)
      if (index >= 10) committed.push(`plain ${index} ${FILLER}`)
      await plain.flush()
    }
    const { end } = await log.admin.offsets('t', 0)
    assert.equal(end, 10)
    await log.admin.purge('t', 0, plainPartition.nextOffset)
    await log.admin.clean('t')
    const { start, end: endAfter } = await log.admin.offsets('t', 0)
    assert.equal(endAfter, end)
    assert.ok(start > 0 && start <= end, `start ${start}`)
    await writer.commit([])
    assert.deepEqual(values(await recordsIn(log, 0, 'committed', end)), committed)
    await closeSegments(log)
    await log.admin.clean('t')
    assert.ok((await log.admin.offsets('t', 0)).start > end)
  })

  test('what retention leaves of a transaction is read as before', async (log) => {
    await log.admin.createTopic('t', { retentionBytes: 4000, segmentBytes: 1024 })
    const [writer, aborting] = [await log.openTransactionalWriter('id'), await log.openTransactionalWriter('other')]
    const [partition, aborted] = [await writer.openPartition('t', 0), await aborting.openPartition('t', 0)]
    const committed: (string | null)[] = []
    for (let index = 0; index < 40; index++) {
      write(partition, 'k', `v${index} ${FILLER}`)
      committed.push(`v${index} ${FILLER}`)
      await writer.flush()
      write(aborted, 'k', `aborted ${index} ${FILLER}`)
      await aborting.flush()
    }
    await writer.commit([])
    await aborting.abort()
    await closeSegments(log)
    await log.admin.clean('t')
    const { start } = await log.admin.offsets('t', 0)
    assert.ok(start > 0)
    const left = (await recordsIn(log, 0, 'committed', start)).filter(({ key }) => key === 'k')
    assertAscending(left)
    assert.deepEqual(values(left), committed.slice(committed.length - left.length))
    const all = (await recordsIn(log, 0, 'uncommitted', start)).filter(({ key }) => key === 'k')
    assert.equal(left.length, Math.floor(all.length / 2))
  })
}

/** Appends enough to close every segment that has something else in it. */
async function closeSegments(log: Log): Promise<void> {
  const writer = log.openWriter()
  const partition = await writer.openPartition('t', 0)
  for (let index = 0; index < 2; index++) {
    write(partition, 'filler', 'x'.repeat(2000))
    await writer.flush()
  }
  await writer.close()
}
