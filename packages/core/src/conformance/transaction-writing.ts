import assert from 'node:assert/strict'
import { rejects, values, valuesIn } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { readAll, write } from './records.ts'

/** Commits and aborts of one writer. */
export function transactionWritingConformance({ test }: LogTests): void {
  test('records of several partitions are visible once committed, and not before', async (log) => {
    await log.admin.createTopic('t', { partitions: 3 })
    const writer = await log.openTransactionalWriter('id')
    const reader = log.openReader()
    const readers = await Promise.all([0, 1, 2].map((partition) => reader.assign('t', partition, 0)))
    for (const { partition } of readers) write(await writer.openPartition('t', partition), 'k', `v${partition}`)
    await writer.flush()
    for (const each of readers) {
      assert.equal(each.poll(), undefined)
      assert.equal(each.endOffset, 0)
      assert.deepEqual(await log.admin.offsets('t', each.partition), { start: 0, end: 0 })
      assert.deepEqual(await valuesIn(log, each.partition, 'uncommitted'), [`v${each.partition}`])
    }
    assert.deepEqual(await writer.commit([]), [])
    for (const each of readers) {
      assert.deepEqual(values(readAll(each)), [`v${each.partition}`])
      const { end } = await log.admin.offsets('t', each.partition)
      assert.ok(end >= 1)
      assert.equal(each.endOffset, end)
      assert.equal(each.position, end)
    }
  })

  test('a closed writer accepts nothing more', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    write(partition, 'k', 'committed')
    const committing = writer.commit([])
    write(partition, 'k', 'let go of')
    const closing = writer.close()
    await assert.rejects(writer.commit([]))
    await committing
    await closing
    await writer.close()
    assert.throws(() => write(partition, 'k', 'late'))
    for (const call of [writer.commit([]), writer.flush(), writer.abort(), writer.openPartition('t', 0)]) {
      await assert.rejects(call)
    }
    assert.deepEqual(await valuesIn(log, 0, 'committed'), ['committed'])
  })

  test('records that wait in memory are committed too, in the order of the calls', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    write(partition, 'k', '1')
    await writer.flush()
    write(partition, 'k', '2')
    await writer.flush()
    write(partition, 'k', '3')
    await writer.commit([])
    assert.deepEqual(await valuesIn(log), ['1', '2', '3'])
    assert.ok(partition.nextOffset >= 3)
  })

  test('what is appended while a commit is on its way belongs to the next transaction', async (log) => {
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = await log.openTransactionalWriter('id')
    const [first, second] = [await writer.openPartition('t', 0), await writer.openPartition('t', 1)]
    write(first, 'k', '1')
    const committing = writer.commit([])
    write(first, 'k', '2')
    write(second, 'k', '3')
    await committing
    assert.deepEqual(await valuesIn(log, 0), ['1'])
    assert.deepEqual(await valuesIn(log, 1), [])
    await writer.flush()
    assert.deepEqual(await valuesIn(log, 0), ['1'])
    await writer.commit([])
    assert.deepEqual(await valuesIn(log, 0), ['1', '2'])
    assert.deepEqual(await valuesIn(log, 1), ['3'])
  })

  test('a commit is not decided before what it waits for', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    const ready = Promise.withResolvers<void>()
    write(partition, 'k', '1')
    await writer.flush()
    const committing = writer.commit([], ready.promise)
    write(partition, 'k', '2')
    assert.deepEqual(await valuesIn(log), [])
    assert.deepEqual(await log.admin.offsets('t', 0), { start: 0, end: 0 })
    await assert.rejects(writer.commit([]))
    ready.resolve()
    await committing
    assert.deepEqual(await valuesIn(log), ['1'])
    await writer.commit([])
    assert.deepEqual(await valuesIn(log), ['1', '2'])
  })

  test('a commit is never decided if what it waits for fails, and its writer is unusable then', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    write(partition, 'k', 'committed')
    await writer.commit([])
    write(partition, 'k', 'never')
    await assert.rejects(writer.commit([], Promise.reject(new Error('not ready'))), /not ready/)
    await assert.rejects(writer.flush())
    await assert.rejects(writer.commit([]))
    await writer.close()
    const again = await log.openTransactionalWriter('id')
    write(await again.openPartition('t', 0), 'k', 'after')
    await again.commit([])
    assert.deepEqual(await valuesIn(log), ['committed', 'after'])
  })

  test('a commit of nothing succeeds', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    assert.deepEqual(await writer.commit([]), [])
    write(partition, 'k', '1')
    await writer.commit([])
    assert.deepEqual(await writer.commit([]), [])
    await writer.flush()
    assert.deepEqual(await valuesIn(log), ['1'])
  })

  test('what is aborted never becomes visible, and its writer continues', async (log) => {
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = await log.openTransactionalWriter('id')
    const [first, second] = [await writer.openPartition('t', 0), await writer.openPartition('t', 1)]
    await writer.abort()
    write(first, 'k', 'in the log')
    await writer.flush()
    write(first, 'k', 'in memory')
    write(second, 'k', 'in memory')
    await writer.abort()
    assert.deepEqual(await valuesIn(log, 0), [])
    write(first, 'k', 'after')
    await writer.commit([])
    assert.deepEqual(await valuesIn(log, 0), ['after'])
    assert.deepEqual(await valuesIn(log, 1), [])
    const all = await valuesIn(log, 0, 'uncommitted')
    assert.deepEqual(
      all.filter((value) => value !== 'in memory'),
      ['in the log', 'after'],
    )
  })

  test('an abort while a commit is on its way gives up only what was appended after that', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    write(partition, 'k', '1')
    const committing = writer.commit([])
    write(partition, 'k', 'given up')
    await writer.abort()
    await committing
    write(partition, 'k', '2')
    await writer.commit([])
    assert.deepEqual(await valuesIn(log), ['1', '2'])
  })

  test('closing aborts what is open and releases the id', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    write(partition, 'k', 'committed')
    await writer.commit([])
    write(partition, 'k', 'open')
    await writer.flush()
    await writer.close()
    const [plain, plainWriter] = [log.openWriter(), await log.openTransactionalWriter('id')]
    write(await plain.openPartition('t', 0), 'k', 'behind')
    await plain.flush()
    assert.deepEqual(await valuesIn(log), ['committed', 'behind'])
    write(await plainWriter.openPartition('t', 0), 'k', 'again')
    await plainWriter.commit([])
    assert.deepEqual(await valuesIn(log), ['committed', 'behind', 'again'])
  })

  test('one writer commits many transactions one after the other', async (log) => {
    await log.admin.createTopic('t', { partitions: 2, segmentBytes: 4096 })
    const writer = await log.openTransactionalWriter('id')
    const partitions = [await writer.openPartition('t', 0), await writer.openPartition('t', 1)] as const
    const committed: string[] = []
    for (let index = 0; index < 300; index++) {
      for (const partition of partitions) write(partition, 'k', `${index}`)
      if (index % 10 === 9) await writer.abort()
      else {
        await writer.commit([])
        committed.push(`${index}`)
      }
    }
    assert.deepEqual(await valuesIn(log, 0), committed)
    assert.deepEqual(await valuesIn(log, 1), committed)
  })

  test('a transaction may be larger than many batches', async (log) => {
    await log.admin.createTopic('t', { partitions: 2, segmentBytes: 64 * 1024 })
    const writer = await log.openTransactionalWriter('id')
    const partitions = [await writer.openPartition('t', 0), await writer.openPartition('t', 1)] as const
    const expected = Array.from({ length: 20_000 }, (_, index) => `${index} ${'x'.repeat(100)}`)
    const fill = async () => {
      for (const value of expected) {
        for (const partition of partitions) write(partition, 'k', value)
        if (writer.backlogged) await writer.flush()
      }
    }
    await fill()
    await writer.abort()
    await fill()
    assert.deepEqual(await valuesIn(log, 0), [])
    await writer.commit([])
    for (const partition of [0, 1]) {
      const found = await valuesIn(log, partition)
      assert.equal(found.length, expected.length)
      assert.ok(found.every((value, index) => value === expected[index]))
    }
  })

  test('an id must be a valid name, and a topic must exist', async (log) => {
    await log.admin.createTopic('t')
    await rejects('BAD_NAME', log.openTransactionalWriter('../id'))
    const writer = await log.openTransactionalWriter('id')
    assert.equal(writer.transactionalId, 'id')
    assert.equal(await writer.openPartition('t', 0), await writer.openPartition('t', 0))
    await rejects('TOPIC_MISSING', writer.openPartition('none', 0))
    await rejects('TOPIC_MISSING', writer.openGroup('none', 0))
  })
}
