import assert from 'node:assert/strict'
import type { Log, PartitionReader } from '../contracts/log.ts'
import type { TransactionalWriter } from '../contracts/writers.ts'
import { assertAscending, recordsIn, values } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { type ReadRecord, readAll, write } from './records.ts'
import { seededChoices } from './seeded-choices.ts'

const WRITERS = ['a', 'b', 'c'] as const
const PARTITIONS = [0, 1] as const
const STEPS = 200
/** The seed of the choices: any seed would do. */
const SEED = 7

/**
 * What one transaction may see of another, and in which order readers see what transactions write. The anomalies have the
 * names that jepsen.tests.kafka gives them.
 */
export function transactionIsolationConformance({ test, factory }: LogTests): void {
  test('transactions never read each other in a circle, nor their own records before the commit', async (log) => {
    await log.admin.createTopic('t', { partitions: 2 })
    const other = await factory.again(log)
    const [a, b] = [await log.openTransactionalWriter('a'), await other.openTransactionalWriter('b')]
    const readers = [await log.openReader().assign('t', 0, 0), await log.openReader().assign('t', 1, 0)] as const
    const others = [await other.openReader().assign('t', 0, 0), await other.openReader().assign('t', 1, 0)] as const
    const nothingIsSeen = () => {
      for (const reader of [...readers, ...others]) assert.deepEqual(values(readAll(reader)), [])
    }
    write(await a.openPartition('t', 0), 'k', 'of a')
    await a.flush()
    write(await b.openPartition('t', 1), 'k', 'of b')
    await b.flush()
    nothingIsSeen()
    const ready = Promise.withResolvers<void>()
    const committing = a.commit([], ready.promise)
    nothingIsSeen()
    ready.resolve()
    await committing
    // Now b may read what a wrote: a has read nothing of b, and has ended.
    assert.deepEqual(values(readAll(others[0])), ['of a'])
    assert.deepEqual(values(readAll(readers[1])), [])
    assert.deepEqual(values(readAll(others[1])), [])
    await b.commit([])
    assert.deepEqual(values(readAll(readers[1])), ['of b'])
    await other.close()
  })

  test('a reader that stays gets every committed record once, in the order of the log, and skips none', async (log) => {
    await log.admin.createTopic('t', { partitions: PARTITIONS.length, segmentBytes: 2048 })
    const choices = seededChoices(SEED)
    const writers = await openWriters(log)
    const reader = log.openReader()
    const readings = new Map<PartitionReader, ReadRecord[]>()
    for (const partition of PARTITIONS) readings.set(await reader.assign('t', partition, 0), [])
    let written = 0
    for (let step = 0; step < STEPS; step++) {
      const writer = choices.pick(writers)
      write(await writer.openPartition('t', choices.pick(PARTITIONS)), 'k', `${writer.transactionalId} ${written++}`)
      if (choices.chance(0.6)) await writer.flush()
      if (choices.chance(0.2)) await (choices.chance(0.3) ? writer.abort() : writer.commit([]))
      // Also inside transactions, between their records.
      for (const [each, seen] of readings) seen.push(...readAll(each))
    }
    for (const writer of writers) {
      for (const partition of PARTITIONS)
        write(await writer.openPartition('t', partition), 'k', `${writer.transactionalId} last`)
      await writer.commit([])
    }
    for (const [each, seen] of readings) {
      while (values(seen).filter((value) => value?.endsWith('last')).length < writers.length) {
        await reader.wait(60_000)
        seen.push(...readAll(each))
      }
      assertAscending(seen)
      assert.deepEqual(seen, await recordsIn(log, each.partition))
    }
    await reader.close()
  })

  test('records of one transaction stand in a partition in the order of the calls, over flushes and beside others', async (log) => {
    await log.admin.createTopic('t', { partitions: PARTITIONS.length })
    const choices = seededChoices(SEED)
    const writers = await openWriters(log)
    const counts = new Map<string, number>()
    for (let step = 0; step < STEPS; step++) {
      const writer = choices.pick(writers)
      const partition = choices.pick(PARTITIONS)
      const place = `${writer.transactionalId}/${partition}`
      const count = counts.get(place) ?? 0
      counts.set(place, count + 1)
      write(await writer.openPartition('t', partition), writer.transactionalId, `${count}`)
      if (choices.chance(0.3)) await writer.flush()
    }
    for (const writer of writers) await writer.commit([])
    for (const partition of PARTITIONS) {
      const records = await recordsIn(log, partition)
      for (const { transactionalId } of writers) {
        const own = records.filter(({ key }) => key === transactionalId)
        const count = counts.get(`${transactionalId}/${partition}`) ?? 0
        assert.deepEqual(
          values(own),
          Array.from({ length: count }, (_, index) => `${index}`),
        )
      }
    }
  })
}

function openWriters(log: Log): Promise<TransactionalWriter[]> {
  return Promise.all(WRITERS.map((id) => log.openTransactionalWriter(id)))
}
