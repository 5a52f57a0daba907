import { int32, openTopicWriter, readTopic, string, topic } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { collected, LOG_KINDS, openTestLog, recordsOf } from './two-logs.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const texts = topic('numbers', { key: string(), value: string() })
const keyless = topic('numbers', { value: int32() })

describe.each(LOG_KINDS)('reading a topic, on the %s log', (kind) => {
  async function filled(...values: number[]) {
    const log = await openTestLog(kind)
    await log.admin.createTopic('numbers', { partitions: 2 })
    const writer = await openTopicWriter(log, numbers)
    const append = (...more: number[]) =>
      writer.sendAll(more.map((value) => ({ key: `k${value}`, value, timestamp: value, partition: value % 2 })))
    await append(...values)
    return { log, append }
  }

  test('ends at what was there when it began', async () => {
    const { log, append } = await filled(0, 1, 2, 3)
    const records = readTopic(log, numbers, { untilEnd: true })
    const first = await records.next()
    await append(4, 5)
    const rest = await collected(records)
    expect([first.value, ...rest].map((record) => record?.value).sort()).toEqual([0, 1, 2, 3])
    expect(await recordsOf(log, numbers)).toHaveLength(6)
  })

  test('starts at the start, at the end, or at a position, and continues with what comes', async () => {
    const { log, append } = await filled(0, 1, 2, 3)
    const stop = new AbortController()
    const readAll = async (from: 'end' | { numbers: Record<number, number> }) => {
      const found: (number | null)[] = []
      for await (const { value } of readTopic(log, numbers, { from, signal: stop.signal })) {
        found.push(value)
        if (value === 8) break
      }
      return found
    }
    const [fromEnd, fromPosition] = [readAll('end'), readAll({ numbers: { 0: 1 } })]
    // Both have begun once each waits for records that are not there.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    await append(8)
    expect(await fromEnd).toEqual([8])
    expect((await fromPosition).sort()).toEqual([1, 2, 3, 8])
  })

  test('ends when its signal is aborted, while it waits and between two records', async () => {
    const { log } = await filled(0, 2)
    const stop = new AbortController()
    const found: (number | null)[] = []
    for await (const { value } of readTopic(log, numbers, { signal: stop.signal })) {
      found.push(value)
      stop.abort()
    }
    expect(found).toEqual([0])
    const waiting = new AbortController()
    const next = readTopic(log, numbers, { from: 'end', signal: waiting.signal }).next()
    waiting.abort()
    expect(await next).toEqual({ done: true, value: undefined })
  })

  test('names the record that does not fit the definition of the topic', async () => {
    const { log } = await filled(0)
    const writer = await openTopicWriter(log, keyless)
    await writer.sendAll([{ value: 200, partition: 1 }])
    const undecodable = { code: 'RECORD_UNDECODABLE', place: { topic: 'numbers', partition: 1, offset: 0 } }
    const from = { numbers: { 0: 1, 1: 0 } }
    const withKeys = readTopic(log, numbers, { from, untilEnd: true })
    await expect(withKeys.next()).rejects.toMatchObject({ ...undecodable, code: 'KEY_MISSING' })
    const keyed = await openTopicWriter(log, numbers)
    await keyed.sendAll([{ key: 'k', value: 200, partition: 1 }])
    const asText = readTopic(log, texts, { from: { numbers: { 0: 1, 1: 1 } }, untilEnd: true })
    await expect(asText.next()).rejects.toMatchObject({ ...undecodable, place: { partition: 1, offset: 1 } })
    expect(await recordsOf(log, keyless)).toHaveLength(3)
  })
})
