import assert from 'node:assert/strict'
import type { Log } from '../contracts/log.ts'
import type { LogWriter, PartitionWriter } from '../contracts/writers.ts'
import { openWriter } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { type ReadRecord, readAll, write } from './records.ts'

const HOUR_MS = 3_600_000
const YEAR_2001 = 978_307_200_000
const FILLER = 'x'.repeat(1500)

/** How long compaction keeps tombstones, and how readers learn that some were dropped. */
export function tombstonesConformance({ test, factory }: LogTests): void {
  /** Compacts everything written so far, some time later. */
  const cleanAfter = async (log: Log, hours: number, partition: PartitionWriter, writer: LogWriter) => {
    factory.advance(log, hours * HOUR_MS)
    for (let index = 0; index < 2; index++) {
      write(partition, 'filler', FILLER, 5)
      await writer.flush()
    }
    await log.admin.clean('t')
  }

  test('keeps a tombstone for 24 hours from its first compaction, whatever its own time', async (log) => {
    const [partition, writer] = await openWriter(log, { cleanup: 'compact', segmentBytes: 1024 })
    const times = [0, 1, YEAR_2001, 2 ** 50, 2 ** 51]
    for (const [index, at] of times.entries()) write(partition, `k${index}`, 'deleted later', at)
    await writer.flush()
    for (const [index, at] of times.entries()) {
      write(partition, `k${index}`, null, at)
      write(partition, `other ${index}`, `beside ${index}`, at, [['h', Buffer.from([index])]])
    }
    await writer.flush()
    const written = await recordsOf(log)
    const tombstones = written.filter(({ value }) => value === null)
    const others = written.filter(({ key }) => key?.startsWith('other'))
    await cleanAfter(log, 0, partition, writer)
    const compacted = await recordsOf(log)
    assert.deepEqual(
      compacted.filter(({ key }) => key !== 'filler'),
      [...tombstones, ...others].sort((left, right) => left.offset - right.offset),
    )
    await cleanAfter(log, 23, partition, writer)
    assert.deepEqual(
      (await recordsOf(log)).filter(({ value }) => value === null),
      tombstones,
    )
    await cleanAfter(log, 2, partition, writer)
    const left = await recordsOf(log)
    assert.deepEqual(
      left.filter(({ key }) => key !== 'filler'),
      others,
    )
  })

  test("begins a tombstone's time when it is first compacted, not when it was written", async (log) => {
    const [partition, writer] = await openWriter(log, { cleanup: 'compact', segmentBytes: 1024 })
    write(partition, 'k', 'v')
    write(partition, 'k', null)
    await writer.flush()
    await cleanAfter(log, 100, partition, writer)
    assert.equal((await recordsOf(log)).filter(({ value }) => value === null).length, 1)
  })

  test('reports in which batches tombstones are gone, and up to where a new reader misses none', async (log) => {
    const [partition, writer] = await openWriter(log, { cleanup: 'compact', segmentBytes: 1024 })
    write(partition, 'a', 'v')
    write(partition, 'b', 'v')
    await writer.flush()
    write(partition, 'a', null)
    await writer.flush()
    write(partition, 'b', null)
    write(partition, 'c', 'stays')
    await writer.flush()
    const { nextOffset } = partition
    assert.equal((await log.openReader().assign('t', 0, 0)).compactedBefore, 0)
    await cleanAfter(log, 0, partition, writer)
    const { compactedBefore } = await log.openReader().assign('t', 0, 0)
    assert.ok(compactedBefore >= nextOffset, `compacted before ${compactedBefore}`)
    assert.deepEqual(await goneIn(log), [])
    await cleanAfter(log, 25, partition, writer)
    const gone = await goneIn(log)
    // A reader before a tombstone reads it; a reader that has passed all of them does not.
    for (const offset of [2, 3])
      assert.ok(
        gone.some(([base, next]) => base <= offset && offset < next),
        `${offset}`,
      )
    assert.ok(
      gone.every(([, next]) => next <= nextOffset),
      `${JSON.stringify(gone)}`,
    )
    // This does not change, whatever is compacted later.
    await cleanAfter(log, 25, partition, writer)
    assert.deepEqual(await goneIn(log), gone)
  })

  test('keeps the checksum of a group while its tombstones are compacted', async (log) => {
    await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 1024 })
    if (log.capabilities.transactions === 'none') return
    const changes = await log.openTransactionalWriter('id')
    const group = await changes.openGroup('t', 0)
    for (const [key, at] of [
      ['a', 2 ** 50],
      ['b', 5],
      ['c', YEAR_2001],
    ] as const) {
      write(group, key, null, at)
      write(group, `${key} too`, 'v'.repeat(100), at, [['h', null]])
    }
    const [position] = await changes.commit([group])
    assert.ok(position !== undefined)
    const writer = log.openWriter()
    await cleanAfter(log, 0, await writer.openPartition('t', 0), writer)
    const batch = (await log.openReader().assign('t', 0, position.nextOffset - 1)).poll()
    assert.equal(batch?.nextOffset, position.nextOffset)
    assert.equal(batch.recordsChecksum(), position.checksum)
  })
}

async function recordsOf(log: Log): Promise<ReadRecord[]> {
  return readAll(await log.openReader().assign('t', 0, 0))
}

/** The offsets of the batches that report dropped tombstones: from the first, to before the second. */
async function goneIn(log: Log): Promise<[number, number][]> {
  const reader = await log.openReader().assign('t', 0, 0)
  const gone: [number, number][] = []
  for (let batch = reader.poll(); batch !== undefined; batch = reader.poll()) {
    if (batch.tombstonesGone) gone.push([batch.baseOffset, batch.nextOffset])
  }
  return gone
}
