import assert from 'node:assert/strict'
import { type Header, NO_HEADERS } from '../headers.ts'
import { openWriter, throwsCode, values, valuesIn } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { readAll, textSerde, write } from './records.ts'

/** What is appended is read back, whole and in order. */
export function recordsConformance({ test, factory }: LogTests): void {
  test('returns what was appended, in order, with offsets from 0', async (log) => {
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    const partition = await writer.openPartition('t', 0)
    const headers: readonly Header[] = [
      ['a', new Uint8Array([1, 2])],
      ['a', null],
      ['größe', new Uint8Array()],
    ]
    write(partition, 'k', 'v', 5)
    write(partition, null, 'no key', 4)
    write(partition, '', '', 6)
    write(partition, 'gone', null, 7)
    write(partition, 'k', 'v', 8, headers)
    assert.equal(partition.nextOffset, -1)
    await writer.flush()
    assert.equal(partition.nextOffset, 5)
    const reader = await log.openReader().assign('t', 0, 0)
    const records = readAll(reader)
    assert.deepEqual(
      records.map(({ offset, timestamp, key, value }) => [offset, timestamp, key, value]),
      [
        [0, 5, 'k', 'v'],
        [1, 4, null, 'no key'],
        [2, 6, '', ''],
        [3, 7, 'gone', null],
        [4, 8, 'k', 'v'],
      ],
    )
    assert.deepEqual(records[0]?.headers, NO_HEADERS)
    assert.deepEqual(
      records[4]?.headers.map(([name, value]) => [name, value && [...value]]),
      [
        ['a', [1, 2]],
        ['a', null],
        ['größe', []],
      ],
    )
  })

  test('finds the first header of a name without decoding the others', async (log) => {
    const [partition, writer] = await openWriter(log)
    write(partition, 'k', 'v', 1, [
      ['x', new Uint8Array([1])],
      ['m', new Uint8Array([7, 8])],
      ['m', new Uint8Array([9])],
    ])
    await writer.flush()
    const batch = (await log.openReader().assign('t', 0, 0)).poll()
    if (batch === undefined) throw new Error('There is no batch')
    assert.ok(batch.next())
    assert.equal(batch.findHeader('y'), false)
    assert.equal(batch.findHeader('m'), true)
    assert.deepEqual([...batch.bytes.subarray(batch.headerStart, batch.headerEnd)], [7, 8])
  })

  test('keeps partitions apart', async (log) => {
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = log.openWriter()
    write(await writer.openPartition('t', 1), 'k', 'one')
    await writer.flush()
    assert.deepEqual(await log.admin.offsets('t', 0), { start: 0, end: 0 })
    assert.deepEqual(values(readAll(await log.openReader().assign('t', 1, 0))), ['one'])
  })

  test('returns the same partition writer for the same partition', async (log) => {
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    assert.equal(await writer.openPartition('t', 0), await writer.openPartition('t', 0))
  })

  test('copies what is appended before append returns', async (log) => {
    const [partition, writer] = await openWriter(log)
    const key = Buffer.from('key')
    partition.append(1, key, 0, 3, 'v', textSerde, NO_HEADERS)
    key.fill(0)
    await writer.flush()
    assert.equal(readAll(await log.openReader().assign('t', 0, 0))[0]?.key, 'key')
  })

  test('a closed writer accepts nothing more', async (log) => {
    const [partition, writer] = await openWriter(log)
    write(partition, 'k', 'flushed')
    await writer.flush()
    write(partition, 'k', 'let go of')
    await writer.close()
    await writer.close()
    assert.throws(() => write(partition, 'k', 'late'))
    assert.throws(() => writer.send())
    await assert.rejects(writer.flush())
    await assert.rejects(writer.openPartition('t', 0))
    assert.deepEqual(await valuesIn(log), ['flushed'])
  })

  test('refuses a record that is too large, has a bad time or does not encode, and keeps the others', async (log) => {
    const [partition, writer] = await openWriter(log, { recordBytesMax: 100 })
    write(partition, 'k', 'before')
    throwsCode('RECORD_TOO_LARGE', () => write(partition, 'k', 'x'.repeat(101)))
    throwsCode('BAD_TIMESTAMP', () => write(partition, 'k', 'v', -1))
    throwsCode('BAD_TIMESTAMP', () => write(partition, 'k', 'v', 0.5))
    const broken = {
      ...textSerde,
      encode: () => {
        throw new Error('no such value')
      },
    }
    assert.throws(() => partition.append(1, null, 0, 0, 'v', broken, NO_HEADERS), /no such value/)
    write(partition, 'k', 'after')
    await writer.flush()
    assert.deepEqual(values(readAll(await log.openReader().assign('t', 0, 0))), ['before', 'after'])
  })

  test('holds many records, read from any offset', async (log) => {
    const [partition, writer] = await openWriter(log)
    const count = 12_345
    for (let index = 0; index < count; index++) write(partition, `k${index % 7}`, `v${index}`, index)
    await writer.flush()
    assert.deepEqual(await log.admin.offsets('t', 0), { start: 0, end: count })
    const reader = log.openReader()
    const partitionReader = await reader.assign('t', 0, 0)
    const all = readAll(partitionReader)
    assert.deepEqual(
      all.map(({ offset }) => offset),
      Array.from({ length: count }, (_, index) => index),
    )
    for (const from of [0, 1, 4_999, 5_000, 5_001, count - 1]) {
      partitionReader.seek(from)
      assert.equal(partitionReader.position, from)
      const records = readAll(partitionReader)
      assert.equal(records[0]?.offset, from)
      assert.equal(records[0]?.value, `v${from}`)
      assert.equal(records.length, count - from)
      assert.equal(partitionReader.position, count)
      assert.equal(partitionReader.endOffset, count)
    }
  })

  test('holds records up to the limit beside small ones', async (log) => {
    const [partition, writer] = await openWriter(log)
    const large = 'ü'.repeat(500_000)
    write(partition, 'k', 'before')
    write(partition, 'k', large)
    write(partition, 'k', 'after')
    await writer.flush()
    const records = readAll(await log.openReader().assign('t', 0, 0))
    assert.ok(records[1]?.value === large)
    assert.deepEqual([records[0]?.value, records[2]?.value], ['before', 'after'])
  })

  test('batches report their topic, partition and offset', async (log) => {
    const [partition, writer] = await openWriter(log)
    for (let index = 0; index < 10; index++) write(partition, 'k', `v${index}`)
    await writer.flush()
    const reader = await log.openReader().assign('t', 0, 3)
    const batch = reader.poll()
    if (batch === undefined) throw new Error('There is no batch')
    assert.equal(batch.topic, 't')
    assert.equal(batch.partition, 0)
    assert.equal(batch.baseOffset, 3)
    assert.equal(batch.nextOffset, 10)
    assert.equal(reader.position, 10)
    assert.equal(reader.poll(), undefined)
  })

  test('interleaves two writers without losing or reordering what each appended', async (log) => {
    const [first, firstWriter] = await openWriter(log)
    const other = await factory.again(log)
    const secondWriter = other.openWriter()
    const second = await secondWriter.openPartition('t', 0)
    for (let index = 0; index < 50; index++) {
      write(first, 'a', `${index}`)
      write(second, 'b', `${index}`)
      if (index % 3 === 0) await firstWriter.flush()
      if (index % 5 === 0) await secondWriter.flush()
    }
    await Promise.all([firstWriter.flush(), secondWriter.flush()])
    const records = readAll(await other.openReader().assign('t', 0, 0))
    assert.deepEqual(
      records.map(({ offset }) => offset),
      Array.from({ length: 100 }, (_, index) => index),
    )
    for (const key of ['a', 'b']) {
      assert.deepEqual(
        values(records.filter((record) => record.key === key)),
        Array.from({ length: 50 }, (_, index) => `${index}`),
      )
    }
    await other.close()
  })
}
