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
