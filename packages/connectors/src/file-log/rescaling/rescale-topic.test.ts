import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import {
  type Env,
  type Log,
  type LogWriter,
  openTopicWriter,
  type Rescaling,
  string,
  type TopicSettings,
  topic,
} from '@millrace/core'
import { type ReadRecord, readAll, write } from '@millrace/core/conformance'
import { partitionOf, topicWriterOver } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'

let directory: string
let log: Log

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-rescale-`)
  log = await openFileLog({ directory, env: nodeEnv() })
})

afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

async function begin(topic: string, partitions: number, from = log): Promise<Rescaling> {
  if (from.rescale === undefined) throw new Error('the file log can rescale topics')
  return from.rescale(topic, partitions)
}

async function rescale(topic: string, partitions: number): Promise<void> {
  const rescaling = await begin(topic, partitions)
  try {
    await rescaling.seal()
    await rescaling.copy()
    await rescaling.finish()
  } finally {
    await rescaling.close()
  }
}

/** What readers get of a topic: the records of each partition. */
async function partitionsOf(topic: string): Promise<ReadRecord[][]> {
  const partitions = (await log.admin.describeTopic(topic))?.partitions ?? 0
  const reader = log.openReader()
  const read: ReadRecord[][] = []
  for (let partition = 0; partition < partitions; partition++) {
    const { start } = await log.admin.offsets(topic, partition)
    read.push(readAll(await reader.assign(topic, partition, start)))
  }
  await reader.close()
  return read
}

/** By key: the records without their places, in the order in which one who reads the partitions gets them. */
function byKey(partitions: readonly (readonly ReadRecord[])[]): Map<string | null, string[]> {
  const sequences = new Map<string | null, string[]>()
  for (const { offset: _, key, ...rest } of partitions.flat()) {
    sequences.set(key, [...(sequences.get(key) ?? []), JSON.stringify(rest)])
  }
  return sequences
}

function homeOf(key: string, partitions: number): number {
  const bytes = Buffer.from(key)
  return partitionOf(bytes, 0, bytes.length, partitions)
}

const KEYS = ['', 'a', 'b', 'c', 'd', 'e', 'ü', null]
const record = fc.record({
  key: fc.constantFrom(...KEYS),
  value: fc.option(fc.string({ maxLength: 40 }), { nil: null }),
  timestamp: fc.nat(1000),
  header: fc.boolean(),
})
const step = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 30 }),
  how: fc.constantFrom('plain', 'committed', 'aborted', 'left open'),
})

describe('a topic with another number of partitions', () => {
  test('has the same sequence of records for each key, each in the partition of its key', {
    timeout: 120_000,
  }, async () => {
    let topics = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom('delete' as const, 'compact' as const),
        async (steps, before, after, cleanup) => {
          const topic = `t${topics++}`
          await log.admin.createTopic(topic, { partitions: before, cleanup, segmentBytes: 1024 })
          for (const [number, { records, how }] of steps.entries()) {
            const isPlain = how === 'plain'
            const writer = isPlain ? log.openWriter() : await log.openTransactionalWriter(`${topic}.${number}`)
            let turn = 0
            for (const { key: drawn, value, timestamp, header } of records) {
              // A compacted topic needs keys.
              const key = cleanup === 'compact' ? (drawn ?? '') : drawn
              const to = await writer.openPartition(topic, key === null ? turn++ % before : homeOf(key, before))
              write(to, key, value, timestamp, header ? [['h', Buffer.from('x')]] : [])
            }
            await writer.flush()
            if ('commit' in writer && how === 'committed') await writer.commit([])
            if ('abort' in writer && how === 'aborted') await writer.abort()
            await writer.close()
          }
          if (cleanup === 'compact') await log.admin.clean(topic)
          const expected = await partitionsOf(topic)
          await rescale(topic, after)
          const found = await partitionsOf(topic)
          expect(found).toHaveLength(after)
          const [was, is] = [byKey(expected), byKey(found)]
          // Records without a key have no order; here they are compared as a set.
          for (const sequences of [was, is]) sequences.get(null)?.sort()
          expect(is).toEqual(was)
          for (const [partition, records] of found.entries()) {
            expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index))
            for (const { key } of records) if (key !== null) expect(homeOf(key, after)).toBe(partition)
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  test('keeps its name and its settings, gets another id, and takes records of the new partitions', async () => {
    const settings: Partial<TopicSettings> = { retentionBytes: 5000, segmentBytes: 2048, recordBytesMax: 900 }
    const before = await log.admin.createTopic('t', { partitions: 2, ...settings })
    await rescale('t', 3)
    const after = await log.admin.describeTopic('t')
    expect(after).toEqual({ ...before, partitions: 3, id: after?.id })
    expect(after?.id).not.toBe(before.id)
    await log.admin.checkTopics(['t'])
    const writer = log.openWriter()
    write(await writer.openPartition('t', 2), 'k', 'v')
    await writer.flush()
    expect((await partitionsOf('t')).map((records) => records.length)).toEqual([0, 0, 1])
    expect(readdirSync(`${directory}/topics`)).toEqual(['t'])
    expect(readdirSync(`${directory}/.rescaling`)).toEqual(['.t.lock'])
  })

  test('has the records of former partitions in the order of their timestamps, so that none comes late', async () => {
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = log.openWriter()
    for (const partition of [0, 1]) {
      const to = await writer.openPartition('t', partition)
      for (let time = partition; time < 40; time += 2) write(to, `k${partition}`, 'v', time)
    }
    await writer.flush()
    await rescale('t', 1)
    const [records = []] = await partitionsOf('t')
    expect(records.map(({ timestamp }) => timestamp)).toEqual(Array.from({ length: 40 }, (_, time) => time))
  })

  test('takes committed transactions of the writers that had written to the former one', async () => {
    await log.admin.createTopic('t', { partitions: 1 })
    const writer = await log.openTransactionalWriter('w')
    write(await writer.openPartition('t', 0), 'k', '1')
    await writer.commit([])
    await writer.close()
    const other = await openFileLog({ directory, env: nodeEnv() })
    const second = await other.openTransactionalWriter('living')
    write(await second.openPartition('t', 0), 'k', '2')
    await second.commit([])
    await rescale('t', 2)
    await log.admin.checkTopics(['t'])
    const third = await log.openTransactionalWriter('w')
    write(await third.openPartition('t', homeOf('k', 2)), 'k', '3')
    await third.commit([])
    expect((await partitionsOf('t')).flat().map(({ value }) => value)).toEqual(['1', '2', '3'])
    // It must open what it has open of the former topic again.
    await expect(other.close()).rejects.toMatchObject({ code: 'TOPIC_RESCALED' })
    const reopened = await openFileLog({ directory, env: nodeEnv() })
    await reopened.admin.checkTopics(['t'])
    await reopened.close()
  })
})

describe('a writer that has the topic open', () => {
  test('is refused from the moment of the seal on, and loses nothing that it had written', async () => {
    await log.admin.createTopic('t', { partitions: 2 })
    const other = await openFileLog({ directory, env: nodeEnv() })
    const writer = other.openWriter()
    const to = await writer.openPartition('t', 0)
    write(to, 'k', 'before')
    await writer.flush()
    const rescaling = await begin('t', 3)
    expect(await rescaling.seal()).toEqual([1, 0])
    write(to, 'k', 'after')
    await expect(writer.flush()).rejects.toMatchObject({ code: 'TOPIC_RESCALED' })
    await rescaling.copy()
    await rescaling.finish()
    await rescaling.close()
    const late = other.openWriter()
    write(await late.openPartition('t', 0), 'k', 'later')
    await late.flush()
    expect((await partitionsOf('t')).flat().map(({ value }) => value)).toEqual(['later', 'before'])
    await other.close()
  })

  test('never has some partitions of the former topic and some of the new one', async () => {
    await log.admin.createTopic('t', { partitions: 3 })
    const theTopic = topic('t', { key: string(), value: string() })
    const other = await openFileLog({ directory, env: nodeEnv() })
    const to = other.openWriter()
    let opened = 0
    const slow: LogWriter = {
      backlogged: false,
      send: () => to.send(),
      flush: () => to.flush(),
      close: () => to.close(),
      openPartition: async (name, partition) => {
        if (opened++ === 1) await rescale('t', 3)
        return to.openPartition(name, partition)
      },
    }
    const shared = { to: slow, clock: other.clock, close: () => to.close() }
    await expect(topicWriterOver(other, theTopic, shared)).rejects.toMatchObject({ code: 'TOPIC_RESCALED' })
    await openTopicWriter(other, theTopic)
    await other.close()
  })

  test('is refused if the topic is replaced while one of its partitions is being opened', async () => {
    await log.admin.createTopic('t', { partitions: 3 })
    const real = nodeEnv()
    let isSlow = false
    // The topic is durable only after it is described.
    const syncDirectory = async (path: string) => {
      if (isSlow) await rescale('t', 2)
      isSlow = false
      await real.files.syncDirectory(path)
    }
    for (const partition of [0, 2]) {
      const other = await openFileLog({ directory, env: { ...real, files: { ...real.files, syncDirectory } } })
      isSlow = true
      await expect(other.openWriter().openPartition('t', partition)).rejects.toMatchObject({ code: 'TOPIC_RESCALED' })
      await other.close()
      await rescale('t', 3)
    }
  })

  test('continues if the rescaling is given up, or its process dies', async () => {
    await log.admin.createTopic('t', { partitions: 2 })
    const other = await openFileLog({ directory, env: nodeEnv() })
    for (const value of ['given up', 'dead']) {
      const writer = other.openWriter()
      const to = await writer.openPartition('t', 0)
      const rescaling = await begin('t', 3)
      await rescaling.seal()
      await rescaling.copy()
      await rescaling.close()
      write(to, 'k', value)
      await writer.flush()
    }
    expect((await log.admin.describeTopic('t'))?.partitions).toBe(2)
    expect((await partitionsOf('t')).flat().map(({ value }) => value)).toEqual(['given up', 'dead'])
    await other.close()
  })

  test('with an open transaction keeps the topic from being rescaled', async () => {
    const real = nodeEnv()
    let now = 0
    // Each look at the clock takes a second.
    const env: Env = { ...real, clock: { ...real.clock, monotonic: () => (now += 1000) } }
    const impatient = await openFileLog({ directory, env })
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = await log.openTransactionalWriter('w')
    write(await writer.openPartition('t', 1), 'k', 'open')
    await writer.flush()
    const rescaling = await begin('t', 3, impatient)
    await expect(rescaling.seal()).rejects.toThrow(
      expect.objectContaining({ code: 'PARTITION_IN_USE', message: expect.stringContaining('t/1') }),
    )
    await rescaling.close()
    await impatient.close()
    await writer.commit([])
    expect((await partitionsOf('t')).flat().map(({ value }) => value)).toEqual(['open'])
  })

  test('with an open transaction holds the seal up until the transaction has ended', async () => {
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = await log.openTransactionalWriter('w')
    write(await writer.openPartition('t', 1), 'k', 'open')
    await writer.flush()
    const rescaling = await begin('t', 3)
    const sealed = rescaling.seal()
    await writer.commit([])
    expect(await sealed).toEqual([0, 2])
    await rescaling.close()
  })

  test('keeps no other process from appending a marker to a transaction that has ended', async () => {
    await log.admin.createTopic('t', { partitions: 1 })
    const writer = await log.openTransactionalWriter('w')
    write(await writer.openPartition('t', 0), 'k', 'v')
    await writer.commit([])
    const rescaling = await begin('t', 2)
    await rescaling.seal()
    await writer.close()
    await rescaling.copy()
    await rescaling.finish()
    await rescaling.close()
    expect((await partitionsOf('t')).flat().map(({ value }) => value)).toEqual(['v'])
  })
})

describe('a rescaling is refused', () => {
  test('while another process rescales the topic, which cannot be deleted meanwhile', async () => {
    await log.admin.createTopic('t')
    const rescaling = await begin('t', 2)
    const other = await openFileLog({ directory, env: nodeEnv() })
    await expect(begin('t', 3, other)).rejects.toMatchObject({ code: 'TOPIC_RESCALED' })
    await expect(other.admin.deleteTopic('t')).rejects.toMatchObject({ code: 'TOPIC_RESCALED' })
    await rescaling.close()
    await (await begin('t', 3, other)).close()
    await other.close()
  })

  test('for a topic that does not exist, for numbers that no topic has, and on a disk without room', async () => {
    await expect(begin('t', 2)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
    await log.admin.createTopic('t')
    for (const partitions of [0, 1.5, 10_001]) {
      await expect(begin('t', partitions)).rejects.toMatchObject({ code: 'BAD_TOPIC_SETTINGS' })
    }
    const real = nodeEnv()
    const files = { ...real.files, space: () => ({ freeBytes: 10, totalBytes: 1000 }) }
    const full = await openFileLog({ directory, env: { ...real, files } })
    await expect(begin('t', 2, full)).rejects.toMatchObject({ code: 'LOG_FULL' })
    await full.close()
  })
})
