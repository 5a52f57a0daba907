import assert from 'node:assert/strict'
import type { Log } from '../contracts/log.ts'
import { assertAscending, recordsIn, values, valuesIn } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { readAll, write } from './records.ts'

/** What readers find when transactions of several writers and plain records share a partition. */
export function transactionReadingConformance({ test, factory }: LogTests): void {
  test('readers get what is committed, in offset order, however it is interleaved with what is not', async (log) => {
    await mixed(log)
    const expected = ['plain 0', 'B 0', 'plain 1', 'B 1', 'plain 2', 'B 2', 'plain 3', 'B 3']
    const records = await recordsIn(log)
    assertAscending(records)
    assert.deepEqual(values(records), expected)
    const all = await recordsIn(log, 0, 'uncommitted')
    assertAscending(all)
    assert.deepEqual(
      values(all),
      [0, 1, 2, 3].flatMap((round) => [`plain ${round}`, `A ${round}`, `B ${round}`]),
    )
    const other = await factory.again(log)
    assert.deepEqual(await valuesIn(other), expected)
    await other.close()
  })

  test('reading starts anywhere, also inside a transaction', async (log) => {
    await mixed(log)
    const { end } = await log.admin.offsets('t', 0)
    for (const isolation of ['committed', 'uncommitted'] as const) {
      const records = await recordsIn(log, 0, isolation)
      const reader = log.openReader({ isolation })
      const moved = await reader.assign('t', 0, 0)
      for (let from = 0; from <= end; from++) {
        const expected = records.filter(({ offset }) => offset >= from)
        assert.deepEqual(await recordsIn(log, 0, isolation, from), expected, `${isolation} from ${from}`)
        moved.seek(from)
        assert.deepEqual(readAll(moved), expected, `${isolation} sought ${from}`)
        assert.equal(moved.position, end)
      }
      await reader.close()
    }
  })

  test('a reader skips what was aborted', async (log) => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    const reader = await log.openReader().assign('t', 0, 0)
    for (let round = 0; round < 3; round++) {
      write(partition, 'k', 'never')
      await writer.flush()
      await writer.abort()
      assert.equal(reader.poll(), undefined)
      const { end } = await log.admin.offsets('t', 0)
      assert.ok(end > round)
      assert.equal(reader.position, end)
      assert.equal(reader.endOffset, end)
    }
  })

  for (const outcome of ['committed', 'aborted'] as const) {
    test(`a plain record behind a transaction becomes visible when that is ${outcome}`, async (log) => {
      await log.admin.createTopic('t')
      const writer = await log.openTransactionalWriter('id')
      const plain = log.openWriter()
      const [first, second] = [await writer.openPartition('t', 0), await plain.openPartition('t', 0)]
      const reader = await log.openReader().assign('t', 0, 0)
      write(second, 'k', 'before')
      await plain.flush()
      write(first, 'k', 'open')
      await writer.flush()
      write(second, 'k', 'behind')
      await plain.flush()
      assert.deepEqual(values(readAll(reader)), ['before'])
      assert.deepEqual([reader.position, reader.endOffset], [1, 1])
      assert.equal(second.nextOffset, 3)
      await (outcome === 'committed' ? writer.commit([]) : writer.abort())
      assert.deepEqual(values(readAll(reader)), outcome === 'committed' ? ['open', 'behind'] : ['behind'])
    })
  }

  test('reading ends at the first record that is not decided, whichever is decided first', async (log) => {
    await log.admin.createTopic('t')
    const ids = ['a', 'b', 'c'] as const
    const writers = await Promise.all(ids.map((id) => log.openTransactionalWriter(id)))
    for (const [index, writer] of writers.entries()) {
      write(await writer.openPartition('t', 0), 'k', `${index}`)
      await writer.flush()
    }
    const [a, b, c] = writers
    const reader = log.openReader()
    const assigned = await reader.assign('t', 0, 0)
    const all = await log.openReader({ isolation: 'uncommitted' }).assign('t', 0, 0)
    const ends = async (end: number) => {
      assert.deepEqual(await log.admin.offsets('t', 0), { start: 0, end })
      assert.equal(assigned.endOffset, end)
      assert.ok(all.endOffset >= 3)
    }
    await ends(0)
    await b?.commit([])
    await ends(0)
    assert.deepEqual(readAll(assigned), [])
    await a?.abort()
    await ends(2)
    assert.deepEqual(values(readAll(assigned)), ['1'])
    await c?.commit([])
    assert.deepEqual(values(readAll(assigned)), ['2'])
    assert.equal(assigned.endOffset, (await log.admin.offsets('t', 0)).end)
    assert.equal(assigned.endOffset, all.endOffset)
    assert.deepEqual(values(readAll(all)), ['0', '1', '2'])
  })

  for (const outcome of ['committed', 'aborted'] as const) {
    test(`a reader that waits is woken when a transaction is ${outcome}`, async (log) => {
      await log.admin.createTopic('t', { partitions: 2 })
      const other = await factory.again(log)
      const writer = await other.openTransactionalWriter('id')
      const plain = other.openWriter()
      write(await writer.openPartition('t', 1), 'k', 'open')
      await writer.flush()
      write(await plain.openPartition('t', 1), 'k', 'behind')
      await plain.flush()
      const reader = log.openReader()
      await reader.assign('t', 0, 0)
      const assigned = await reader.assign('t', 1, 0)
      assert.equal(assigned.poll(), undefined)
      await reader.wait(1)
      const woken = untilRecords()
      await (outcome === 'committed' ? writer.commit([]) : writer.abort())
      assert.deepEqual(await woken, outcome === 'committed' ? ['open', 'behind'] : ['behind'])
      await other.close()

      async function untilRecords(): Promise<(string | null)[]> {
        const found: (string | null)[] = []
        while (found.at(-1) !== 'behind') {
          await reader.wait(60_000)
          found.push(...values(readAll(assigned)))
        }
        return found
      }
    })
  }

  test('offsets by time are those of committed records', async (log) => {
    await log.admin.createTopic('t')
    const [writer, aborting] = [await log.openTransactionalWriter('id'), await log.openTransactionalWriter('other')]
    const [partition, aborted] = [await writer.openPartition('t', 0), await aborting.openPartition('t', 0)]
    for (let round = 0; round < 3; round++) {
      write(aborted, 'k', 'never', 10 + round * 10)
      await aborting.flush()
      write(partition, 'k', 'v', 15 + round * 10)
      await writer.commit([])
      await aborting.abort()
    }
    const records = await recordsIn(log)
    for (let at = 0; at <= 35; at++) {
      const expected = records.find(({ timestamp }) => timestamp >= at)?.offset
      assert.equal(await log.admin.offsetAt('t', 0, at), expected, `time ${at}`)
    }
    const { end } = await log.admin.offsets('t', 0)
    assert.equal(await log.admin.offsetAt('t', 0, 36), end)
    write(partition, 'k', 'open', 100)
    await writer.flush()
    const plain = log.openWriter()
    write(await plain.openPartition('t', 0), 'k', 'behind', 200)
    await plain.flush()
    for (const at of [36, 100, 200]) assert.equal(await log.admin.offsetAt('t', 0, at), end)
    await writer.commit([])
    assert.equal(await log.admin.offsetAt('t', 0, 100), end)
    assert.equal(await log.admin.offsetAt('t', 0, 101), end + 1)
  })
}

/** Four rounds of a plain record, one of a transaction that is aborted, and one of a transaction that is committed. */
async function mixed(log: Log): Promise<void> {
  await log.admin.createTopic('t', { segmentBytes: 1024 })
  const plain = log.openWriter()
  const [a, b] = [await log.openTransactionalWriter('a'), await log.openTransactionalWriter('b')]
  const writers = { plain, A: a, B: b }
  for (let round = 0; round < 4; round++) {
    for (const [name, writer] of Object.entries(writers)) {
      write(await writer.openPartition('t', 0), 'k', `${name} ${round}`)
      await writer.flush()
    }
    // Some transactions have one round, some have two.
    if (round !== 1) await a.abort()
    if (round !== 2) await b.commit([])
  }
}
