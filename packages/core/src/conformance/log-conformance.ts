import assert from 'node:assert/strict'
import type { Log, LogWriter } from '../contracts/log.ts'
import { type Header, NO_HEADERS } from '../headers.ts'
import { type ReadRecord, readAll, textSerde, write } from './records.ts'

/** What the suite needs of a test runner: vitest's or node:test's own functions fit. */
export interface TestRunner {
  describe(name: string, body: () => void): void
  test(name: string, body: () => Promise<void>): void
}

/** Opens logs for the suite. */
export interface LogFactory {
  /** A log of the kind, empty, that no other test has seen. */
  open(): Promise<Log>
  /** The same log once more, as another process would open it. */
  again(log: Log): Promise<Log>
  /** A settable wall clock for the log, ms since the epoch, where the log has one. */
  readonly clock?: { now: number }
}

/** Every log passes this suite: what the comments of the contract promise, sentence by sentence. */
export function logConformance(runner: TestRunner, kind: string, factory: LogFactory): void {
  const { describe } = runner
  const test = (name: string, body: (log: Log) => Promise<void>) =>
    runner.test(name, async () => {
      const log = await factory.open()
      try {
        await body(log)
      } finally {
        await log.close()
      }
    })

  describe(`the ${kind} log: topics`, () => {
    test('are made with their settings, listed by name, and described', async (log) => {
      const made = await log.admin.createTopic('b', { partitions: 3, cleanup: 'compact', recordBytesMax: 500 })
      await log.admin.createTopic('a')
      assert.equal(made.partitions, 3)
      assert.deepEqual(await log.admin.describeTopic('b'), made)
      assert.deepEqual(
        (await log.admin.listTopics()).map(({ name }) => name),
        ['a', 'b'],
      )
      assert.equal(await log.admin.describeTopic('c'), undefined)
      assert.deepEqual(await log.admin.offsets('b', 2), { start: 0, end: 0 })
    })

    test('with a bad name, bad settings or a name that is taken are refused', async (log) => {
      await log.admin.createTopic('a')
      await rejects('TOPIC_EXISTS', log.admin.createTopic('a'))
      for (const name of ['../x', '', '.hidden', 'a/b', 'ä', 'x'.repeat(202)]) {
        await rejects('BAD_NAME', log.admin.createTopic(name))
      }
      for (const bad of [{ partitions: 0 }, { partitions: 1.5 }, { segmentBytes: 1 }, { retentionMs: -1 }]) {
        await rejects('BAD_TOPIC_SETTINGS', log.admin.createTopic('bad', bad))
      }
      assert.equal(await log.admin.describeTopic('bad'), undefined)
    })

    test('that two make at once are made once', async (log) => {
      const other = await factory.again(log)
      const made = await Promise.allSettled([log.admin.createTopic('a'), other.admin.createTopic('a')])
      assert.deepEqual(made.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
      await other.close()
    })

    test('that are not there are named by every call', async (log) => {
      await rejects('TOPIC_MISSING', log.admin.deleteTopic('none'))
      await rejects('TOPIC_MISSING', log.admin.offsets('none', 0))
      await rejects('TOPIC_MISSING', log.openReader().assign('none', 0, 0))
      await rejects('TOPIC_MISSING', log.openWriter().openPartition('none', 0))
      await rejects('TOPIC_MISSING', log.openWriter().openGroup('none', 0))
    })

    test('that are deleted fail their readers and writers, and come back as other topics', async (log) => {
      const { id } = await log.admin.createTopic('a')
      const other = await factory.again(log)
      const reader = await other.openReader().assign('a', 0, 0)
      const writer = other.openWriter()
      const partition = await writer.openPartition('a', 0)
      await log.admin.deleteTopic('a')
      assert.equal(await log.admin.describeTopic('a'), undefined)
      throwsCode('TOPIC_MISSING', () => reader.poll())
      write(partition, 'k', 'v')
      await rejects('TOPIC_MISSING', writer.flush())
      const anew = await log.admin.createTopic('a')
      assert.notEqual(anew.id, id)
      assert.deepEqual(await log.admin.offsets('a', 0), { start: 0, end: 0 })
      await other.close()
    })
  })

  describe(`the ${kind} log: appending and reading`, () => {
    test('gives back what was appended, in order, with offsets from 0', async (log) => {
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

    test('gives the same partition writer for the same partition', async (log) => {
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

    test('tells batches where they are', async (log) => {
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
  })

  describe(`the ${kind} log: waiting`, () => {
    test('ends at once where there is something, at the time-out where there is nothing, and when aborted', async (log) => {
      const [partition, writer] = await openWriter(log)
      const reader = log.openReader()
      const partitionReader = await reader.assign('t', 0, 0)
      await reader.wait(1)
      await reader.wait(60_000, AbortSignal.abort())
      const abort = new AbortController()
      const waiting = reader.wait(60_000, abort.signal)
      abort.abort()
      await waiting
      write(partition, 'k', 'v')
      await writer.flush()
      await reader.wait(60_000)
      assert.equal(readAll(partitionReader).length, 1)
    })

    test('is woken by an append of another', async (log) => {
      await log.admin.createTopic('t', { partitions: 2 })
      const reader = log.openReader()
      await reader.assign('t', 0, 0)
      const second = await reader.assign('t', 1, 0)
      const other = await factory.again(log)
      const writer = other.openWriter()
      const partition = await writer.openPartition('t', 1)
      const waiting = reader.wait(60_000)
      write(partition, 'k', 'v')
      await writer.flush()
      await waiting
      assert.equal(readAll(second).length, 1)
      await other.close()
    })
  })

  describe(`the ${kind} log: time, purging and cleaning`, () => {
    test('finds the first record at or after a time', async (log) => {
      const [partition, writer] = await openWriter(log)
      const times = [10, 20, 15, 30, 25, 40]
      for (const at of times) write(partition, 'k', 'v', at)
      await writer.flush()
      for (const [at, offset] of [
        [0, 0],
        [10, 0],
        [11, 1],
        [20, 1],
        [21, 3],
        [30, 3],
        [31, 5],
        [41, 6],
      ] as const) {
        assert.equal(await log.admin.offsetAt('t', 0, at), offset, `time ${at}`)
      }
    })

    test('lets nobody read before the start after a purge', async (log) => {
      const [partition, writer] = await openWriter(log, { segmentBytes: 1024 })
      for (let round = 0; round < 5; round++) {
        for (let index = 0; index < 10; index++) write(partition, 'k', 'x'.repeat(200))
        await writer.flush()
      }
      await log.admin.purge('t', 0, 30)
      const { start, end } = await log.admin.offsets('t', 0)
      assert.ok(start > 0 && start <= 30, `start ${start}`)
      assert.equal(end, 50)
      const reader = log.openReader()
      const before = await reader.assign('t', 0, 0)
      throwsCode('OFFSET_GONE', () => before.poll())
      before.seek(start)
      assert.equal(readAll(before)[0]?.offset, start)
    })

    test('compacts to the latest record of each key, at its offset', async (log) => {
      const [partition, writer] = await openWriter(log, { cleanup: 'compact', segmentBytes: 1024 })
      const latest = new Map<string, [number, string]>()
      for (let index = 0; index < 300; index++) {
        const key = `k${(index * 7) % 11}`
        write(partition, key, `v${index}`, index)
        latest.set(key, [index, `v${index}`])
        if (index % 20 === 19) await writer.flush()
      }
      await writer.flush()
      const reader = log.openReader()
      const following = await reader.assign('t', 0, 0)
      following.poll()
      await log.admin.clean('t')
      const records = readAll(await log.openReader().assign('t', 0, 0))
      assert.ok(records.length < 300, `${records.length} records are left`)
      assert.deepEqual(foldLatest(records), latest)
      assertAscending(records)
      assertAscending(readAll(following))
      write(partition, 'k0', 'after')
      await writer.flush()
      assert.equal((await log.admin.offsets('t', 0)).end, 301)
    })
  })

  describe(`the ${kind} log: groups and claims`, () => {
    test('a group is there whole once committed, and not before', async (log) => {
      if (!log.capabilities.atomicGroups) return
      await log.admin.createTopic('t')
      const group = await log.openWriter().openGroup('t', 0)
      const reader = await log.openReader().assign('t', 0, 0)
      assert.equal(group.bytes, 0)
      for (let index = 0; index < 20_000; index++) write(group, `k${index}`, 'x'.repeat(100))
      assert.ok(group.bytes > 20_000 * 100)
      assert.equal(readAll(reader).length, 0)
      const { nextOffset, checksum } = await group.commit()
      assert.equal(nextOffset, 20_000)
      assert.equal(group.bytes, 0)
      let last: number | undefined
      let count = 0
      for (let batch = reader.poll(); batch !== undefined; batch = reader.poll()) {
        while (batch.next()) count++
        if (batch.nextOffset === nextOffset) last = batch.checksum
      }
      assert.equal(count, 20_000)
      assert.equal(last, checksum)
    })

    test('a discarded group leaves nothing', async (log) => {
      if (!log.capabilities.atomicGroups) return
      await log.admin.createTopic('t')
      const group = await log.openWriter().openGroup('t', 0)
      write(group, 'k', 'forgotten')
      group.discard()
      write(group, 'k', 'kept')
      await group.commit()
      assert.deepEqual(values(readAll(await log.openReader().assign('t', 0, 0))), ['kept'])
      await assert.rejects(group.commit())
    })

    test('a claim excludes everybody else until it is released', async (log) => {
      const other = await factory.again(log)
      const claim = await log.claim('job')
      await rejects('JOB_RUNNING', other.claim('job'))
      await other.claim('another')
      await claim.release()
      await (await other.claim('job')).release()
      await rejects('BAD_NAME', log.claim('../job'))
      await other.close()
    })
  })
}

async function openWriter(log: Log, settings: Parameters<Log['admin']['createTopic']>[1] = {}) {
  await log.admin.createTopic('t', settings)
  const writer: LogWriter = log.openWriter()
  return [await writer.openPartition('t', 0), writer] as const
}

function values(records: readonly ReadRecord[]): (string | null)[] {
  return records.map(({ value }) => value)
}

function foldLatest(records: readonly ReadRecord[]): Map<string, [number, string]> {
  return new Map(records.map(({ key, offset, value }) => [key ?? '', [offset, value ?? '']]))
}

function assertAscending(records: readonly ReadRecord[]): void {
  records.reduce((last, { offset }) => {
    assert.ok(offset > last, `${offset} comes after ${last}`)
    return offset
  }, -1)
}

async function rejects(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error: { code?: unknown }) => {
    assert.equal(error.code, code)
    return true
  })
}

function throwsCode(code: string, call: () => unknown): void {
  assert.throws(call, (error: { code?: unknown }) => {
    assert.equal(error.code, code)
    return true
  })
}
