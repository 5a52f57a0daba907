import { Readable } from 'node:stream'
import { int32, json, type Log, openTopicWriter, readTopic, string, topic } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { describe, expect, test } from 'vitest'
import { LOG_KINDS, NOW_MS, openTestLog, recordsOf } from './two-logs.ts'

interface Order {
  readonly cents: number
  readonly placed: number
}

const orders = topic('orders', { key: string(), value: json<Order>(), timestamp: ({ placed }) => placed })
const numbers = topic('numbers', { key: string(), value: int32() })
const lines = topic('lines', { value: string() })

function homeOf(key: string, partitions: number): number {
  const bytes = Buffer.from(key)
  return partitionOf(bytes, 0, bytes.length, partitions)
}

describe.each(LOG_KINDS)('a writer of a topic, on the %s log', (kind) => {
  test('appends each record to the partition of its key, with its headers, in the order of the calls', async () => {
    const log = await openTestLog(kind)
    await log.admin.createTopic('numbers', { partitions: 3 })
    const writer = await openTopicWriter(log, numbers)
    const keys = Array.from({ length: 30 }, (_, index) => `k${index % 7}`)
    for (const [value, key] of keys.entries()) {
      expect(writer.partitionOf(key)).toBe(homeOf(key, 3))
      expect(writer.send({ key, value, timestamp: value, headers: [['n', Buffer.from([value])]] })).toBe(true)
    }
    await writer.close()
    const records = await recordsOf(log, numbers)
    const expected = keys.map((key, value) => ({ key, value, partition: homeOf(key, 3) }))
    expect(records.map(({ key, value, partition }) => ({ key, value, partition }))).toEqual(
      [0, 1, 2].flatMap((partition) => expected.filter((record) => record.partition === partition)),
    )
    for (const { value, timestamp, headers } of records) {
      expect(timestamp).toBe(value)
      expect(headers.map(([name, bytes]) => [name, bytes?.[0]])).toEqual([['n', value]])
    }
  })

  test('gives a record the time that its topic takes from the value, and the time of the clock without one', async () => {
    const log = await openTestLog(kind)
    for (const { name } of [orders, numbers]) await log.admin.createTopic(name)
    const timed = await openTopicWriter(log, orders)
    await timed.sendAll([
      { key: 'a', value: { cents: 1, placed: 5 } },
      { key: 'b', value: { cents: 1, placed: 5 }, timestamp: 6 },
      { key: 'c', value: null },
    ])
    const untimed = await openTopicWriter(log, numbers)
    await untimed.sendAll([{ key: 'a', value: 1 }])
    expect((await recordsOf(log, orders)).map(({ timestamp }) => timestamp)).toEqual([5, 6, NOW_MS])
    expect((await recordsOf(log, numbers)).map(({ timestamp }) => timestamp)).toEqual([NOW_MS])
  })

  test('spreads records without keys over the partitions, unless they state one', async () => {
    const log = await openTestLog(kind)
    await log.admin.createTopic('lines', { partitions: 2 })
    const writer = await openTopicWriter(log, lines)
    await writer.sendAll([{ value: 'a' }, { value: 'b' }, { value: 'c' }, { value: 'd', partition: 1 }])
    await writer.close()
    expect((await recordsOf(log, lines)).map(({ key, value, partition }) => [key, value, partition])).toEqual([
      [null, 'a', 0],
      [null, 'c', 0],
      [null, 'b', 1],
      [null, 'd', 1],
    ])
  })

  test('leaves out a record that the topic cannot take, and keeps the others', async () => {
    const log = await openTestLog(kind)
    await log.admin.createTopic('numbers', { recordBytesMax: 1000 })
    const writer = await openTopicWriter(log, numbers)
    writer.send({ key: 'a', value: 1 })
    expect(() => writer.send({ key: 'a', value: 1.5 })).toThrow(
      expect.objectContaining({ code: 'RECORD_UNENCODABLE', message: expect.stringContaining('topic numbers') }),
    )
    expect(() => writer.send({ key: '\ud800', value: 1 })).toThrow(
      expect.objectContaining({ code: 'RECORD_UNENCODABLE' }),
    )
    expect(() => writer.send({ key: 'a', value: 1, timestamp: -1 })).toThrow(
      expect.objectContaining({ code: 'BAD_TIMESTAMP', message: expect.stringContaining('topic numbers') }),
    )
    expect(() => writer.send({ key: 'a'.repeat(2000), value: 1 })).toThrow(
      expect.objectContaining({ code: 'RECORD_TOO_LARGE', message: expect.stringContaining('topic numbers') }),
    )
    expect(() => writer.send({ key: 'a', value: 1, partition: 1 })).toThrow(
      expect.objectContaining({ code: 'PARTITION_MISSING' }),
    )
    // As a program in JavaScript would call it.
    expect(() => Reflect.apply(writer.send, writer, [{ value: 1 }])).toThrow(
      expect.objectContaining({ code: 'KEY_MISSING' }),
    )
    writer.send({ key: 'b', value: 2 })
    await writer.close()
    expect((await recordsOf(log, numbers)).map(({ key, value }) => [key, value])).toEqual([
      ['a', 1],
      ['b', 2],
    ])
  })

  test('knows the position behind its records once they are flushed', async () => {
    const log = await openTestLog(kind)
    await log.admin.createTopic('numbers', { partitions: 3 })
    const [writer, other] = [await openTopicWriter(log, numbers), await openTopicWriter(log, numbers)]
    expect(writer.position).toEqual({})
    await other.sendAll([{ key: 'k', value: 1, partition: 1 }])
    await writer.sendAll([
      { key: 'k', value: 2, partition: 1 },
      { key: 'k', value: 3, partition: 2 },
    ])
    expect(writer.position).toEqual({ numbers: { 1: 2, 2: 1 } })
    expect(other.position).toEqual({ numbers: { 1: 1 } })
  })

  test('refuses a topic that is not there', async () => {
    const log = await openTestLog(kind)
    const missing = { code: 'TOPIC_MISSING', message: expect.stringContaining('no topic numbers') }
    await expect(openTopicWriter(log, numbers)).rejects.toMatchObject(missing)
    await expect(readTopic(log, numbers).next()).rejects.toMatchObject(missing)
  })

  test('takes records from an async source', async () => {
    const log = await openTestLog(kind)
    await log.admin.createTopic('numbers')
    const writer = await openTopicWriter(log, numbers)
    await writer.sendAll(
      (async function* () {
        for (let value = 0; value < 5; value++) yield { key: 'k', value }
      })(),
    )
    expect((await recordsOf(log, numbers)).map(({ value }) => value)).toEqual([0, 1, 2, 3, 4])
  })
})

/** A log whose writers hold at most so many records until a flush; `most` is how many one has held. */
function boundedLog(log: Log, bound: number): { readonly log: Log; readonly most: () => number } {
  let held = 0
  let most = 0
  const openWriter = () => {
    const to = log.openWriter()
    const { openPartition, flush } = to
    to.openPartition = async (...place) => {
      const partition = await openPartition.apply(to, place)
      const { append } = partition
      partition.append = (...record) => {
        append.apply(partition, record)
        most = Math.max(most, ++held)
      }
      return partition
    }
    to.flush = async () => {
      await flush.apply(to)
      held = 0
    }
    Object.defineProperty(to, 'backlogged', { get: () => held >= bound })
    return to
  }
  return { log: { ...log, openWriter }, most: () => most }
}

test('a writer that has no room reports it, and has room again after a flush', async () => {
  const memory = await openTestLog('memory')
  await memory.admin.createTopic('lines')
  const writer = await openTopicWriter(boundedLog(memory, 3).log, lines)
  expect([writer.send({ value: 'a' }), writer.send({ value: 'b' }), writer.send({ value: 'c' })]).toEqual([
    true,
    true,
    false,
  ])
  await writer.flush()
  expect(writer.send({ value: 'd' })).toBe(true)
  await writer.close()
  expect(await recordsOf(memory, lines)).toHaveLength(4)
})

test.each(['list', 'async source'])('sendAll waits for room, with records from a(n) %s', async (source) => {
  const memory = await openTestLog('memory')
  await memory.admin.createTopic('lines')
  const { log, most } = boundedLog(memory, 3)
  const writer = await openTopicWriter(log, lines)
  const records = Array.from({ length: 10 }, (_, index) => ({ value: `${index}` }))
  await writer.sendAll(source === 'list' ? records : Readable.from(records))
  expect(most()).toBe(3)
  expect((await recordsOf(memory, lines)).map(({ value }) => value).join('')).toBe('0123456789')
})

test('closing a writer flushes it, and reports a flush that fails', async () => {
  const memory = await openTestLog('memory')
  await memory.admin.createTopic('lines')
  const writer = await openTopicWriter(memory, lines)
  writer.send({ value: 'a' })
  await writer.close()
  expect(await recordsOf(memory, lines)).toHaveLength(1)
  const other = await openTopicWriter(memory, lines)
  other.send({ value: 'b' })
  await memory.admin.deleteTopic('lines')
  await expect(other.close()).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
})
