import assert from 'node:assert/strict'
import type { Log } from '../contracts/log.ts'
import type { GroupPosition } from '../contracts/writers.ts'
import { valuesIn } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { write } from './records.ts'

/** Groups that are committed with a transaction. */
export function transactionGroupsConformance({ test }: LogTests): void {
  test('groups become visible with their transaction, each where its position says', async (log) => {
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = await log.openTransactionalWriter('id')
    const groups = [await writer.openGroup('t', 0), await writer.openGroup('t', 0), await writer.openGroup('t', 1)]
    const plain = await writer.openPartition('t', 1)
    for (const round of [1, 2]) {
      write(plain, 'k', `plain ${round}`)
      for (const [index, group] of groups.entries()) {
        assert.equal(group.bytes, 0)
        for (let record = 0; record < 3; record++) write(group, 'k', `${round} ${index} ${record}`)
        assert.ok(group.bytes > 0)
      }
      await writer.flush()
      const positions = await writer.commit(groups)
      assert.equal(positions.length, 3)
      for (const [index, position] of positions.entries()) {
        const expected = [0, 1, 2].map((record) => `${round} ${index} ${record}`)
        assert.deepEqual(await endingAt(log, index < 2 ? 0 : 1, position), expected)
      }
    }
    assert.equal((await valuesIn(log, 0)).length, 12)
    assert.equal((await valuesIn(log, 1)).length, 8)
  })

  test('a discarded group leaves nothing', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const group = await writer.openGroup('t', 0)
    write(group, 'k', 'forgotten')
    group.discard()
    write(group, 'k', 'kept')
    await writer.commit([group])
    assert.deepEqual(await valuesIn(log), ['kept'])
  })

  test('a large group is a run of batches within the bound, and its position is that of the last one', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const group = await writer.openGroup('t', 0)
    const bytesMax = log.capabilities.groupBatchBytesMax
    const value = 'x'.repeat(Math.ceil(bytesMax / 10))
    const written: string[] = []
    for (const round of [1, 2]) {
      for (let index = 0; index < 35; index++) {
        const name = `${round} ${index}`
        write(group, name, value)
        written.push(name)
      }
      assert.ok(group.bytes > 3 * bytesMax)
      const [position] = await writer.commit([group])
      assert.equal(group.bytes, 0)
      const batches = await batchesIn(log)
      assert.ok(batches.length > 3 * round)
      for (const { bytes } of batches) assert.ok(bytes <= bytesMax)
      const last = batches.at(-1)
      assert.deepEqual(position, last && { nextOffset: last.nextOffset, checksum: last.checksum })
      assert.deepEqual(
        batches.flatMap(({ keys }) => keys),
        written,
      )
    }
  })

  test('a batch of a group ends where the caller ends it, and takes the record that has room in it', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const group = await writer.openGroup('t', 0)
    group.endBatch()
    write(group, 'a', '1')
    write(group, 'b', '2')
    group.endBatch()
    group.endBatch()
    assert.ok(group.room < log.capabilities.groupBatchBytesMax)
    write(group, 'c', 'x'.repeat(100))
    write(group, 'd', 'x'.repeat(group.room - 1))
    assert.ok(group.room < 0)
    await writer.commit([group])
    assert.deepEqual(
      (await batchesIn(log)).map(({ keys }) => keys),
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    )
  })

  test('a record that is larger than the bound is alone in its batch', async (log) => {
    const bytesMax = log.capabilities.groupBatchBytesMax
    await log.admin.createTopic('t', { recordBytesMax: 2 * bytesMax + 1000 })
    const writer = await log.openTransactionalWriter('id')
    const group = await writer.openGroup('t', 0)
    for (const [key, bytes] of [
      ['a', 1],
      ['b', 2 * bytesMax],
      ['c', 1],
    ] as const) {
      write(group, key, 'x'.repeat(bytes))
    }
    await writer.commit([group])
    assert.deepEqual(
      (await batchesIn(log)).map(({ keys }) => keys),
      [['a'], ['b'], ['c']],
    )
  })

  test('a discarded run of batches leaves nothing, and one that was aborted is written again as it was', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const group = await writer.openGroup('t', 0)
    for (const key of ['forgotten', 'forgotten too']) {
      write(group, key, '1')
      group.endBatch()
    }
    group.discard()
    assert.equal(group.bytes, 0)
    for (const key of ['a', 'b', 'c']) {
      write(group, key, '1')
      group.endBatch()
    }
    await writer.abort()
    await writer.commit([group])
    assert.deepEqual(
      (await batchesIn(log)).map(({ keys }) => keys),
      [['a'], ['b'], ['c']],
    )
  })

  test('nothing of a run of batches is visible before its transaction is decided', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const group = await writer.openGroup('t', 0)
    for (const key of ['a', 'b', 'c']) {
      write(group, key, '1')
      group.endBatch()
    }
    const ready = Promise.withResolvers<void>()
    const committed = writer.commit([group], ready.promise)
    const reader = log.openReader({ isolation: 'uncommitted' })
    const written = await reader.assign('t', 0, 0)
    while (written.endOffset < 3) await reader.wait(1000)
    assert.deepEqual(await valuesIn(log), [])
    ready.resolve()
    await committed
    assert.equal((await valuesIn(log)).length, 3)
  })

  test('a group is whole, however large', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const group = await writer.openGroup('t', 0)
    for (let index = 0; index < 20_000; index++) write(group, `k${index}`, 'x'.repeat(100))
    assert.deepEqual(await valuesIn(log, 0, 'uncommitted'), [])
    const [position] = await writer.commit([group])
    assert.ok(position !== undefined && position.nextOffset >= 20_000)
    assert.equal((await valuesIn(log)).length, 20_000)
  })

  test('other records of a group have another checksum', async (log) => {
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = await log.openTransactionalWriter('id')
    const groups = [await writer.openGroup('t', 0), await writer.openGroup('t', 1)] as const
    for (const [index, group] of groups.entries()) write(group, 'k', `${index}`)
    const [first, second] = await writer.commit(groups)
    assert.equal(first?.nextOffset, second?.nextOffset)
    assert.notEqual(first?.checksum, second?.checksum)
  })

  test('an empty group is refused, and nothing of that commit is visible', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const [full, empty] = [await writer.openGroup('t', 0), await writer.openGroup('t', 0)]
    write(await writer.openPartition('t', 0), 'k', 'never')
    write(full, 'k', 'never')
    await assert.rejects(writer.commit([full, empty]))
    await writer.close()
    assert.deepEqual(await valuesIn(log), [])
  })

  test('a discarded group leaves nothing, and one that is not committed waits', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const [group, waiting] = [await writer.openGroup('t', 0), await writer.openGroup('t', 0)]
    write(group, 'k', 'forgotten')
    group.discard()
    assert.equal(group.bytes, 0)
    write(group, 'k', 'kept')
    write(waiting, 'k', 'waited')
    await writer.commit([group])
    assert.deepEqual(await valuesIn(log), ['kept'])
    await writer.commit([waiting])
    assert.deepEqual(await valuesIn(log), ['kept', 'waited'])
  })

  test('groups keep their content over an abort', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const group = await writer.openGroup('t', 0)
    write(group, 'k', 'group')
    write(await writer.openPartition('t', 0), 'k', 'aborted')
    await writer.flush()
    await writer.abort()
    assert.ok(group.bytes > 0)
    const [position] = await writer.commit([group])
    assert.ok(position !== undefined)
    assert.deepEqual(await endingAt(log, 0, position), ['group'])
    assert.deepEqual(await valuesIn(log), ['group'])
  })
}

/** The batches of a partition, by what they hold; a compacted or aborted one is left out. */
async function batchesIn(log: Log) {
  const reader = log.openReader()
  const assigned = await reader.assign('t', 0, 0)
  const found: { keys: string[]; bytes: number; nextOffset: number; checksum: number }[] = []
  for (let batch = assigned.poll(); batch !== undefined; batch = assigned.poll()) {
    const keys: string[] = []
    let bytes = 0
    while (batch.next()) {
      keys.push(batch.bytes.toString('utf8', batch.keyStart, batch.keyEnd))
      bytes += batch.keyEnd - batch.keyStart + batch.valueEnd - batch.valueStart
    }
    found.push({ keys, bytes, nextOffset: batch.nextOffset, checksum: batch.recordsChecksum() })
  }
  await reader.close()
  return found
}

/** The values of the batch that ends at a position and has its checksum. */
async function endingAt(log: Log, partition: number, { nextOffset, checksum }: GroupPosition): Promise<string[]> {
  const reader = log.openReader()
  const assigned = await reader.assign('t', partition, 0)
  const found: string[] = []
  for (let batch = assigned.poll(); batch !== undefined; batch = assigned.poll()) {
    if (batch.nextOffset !== nextOffset) continue
    assert.equal(batch.recordsChecksum(), checksum)
    while (batch.next()) found.push(batch.bytes.toString('utf8', batch.valueStart, batch.valueEnd))
  }
  await reader.close()
  return found
}
