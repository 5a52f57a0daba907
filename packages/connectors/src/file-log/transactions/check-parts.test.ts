import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log, PartitionWriter, TransactionalWriter } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { Cleaning } from '../cleaning/cleaning.ts'
import { openFileLog } from '../file-log.ts'
import { committedBy, KNOWN_PRODUCERS_MAX, NO_PRODUCERS } from '../partition/committed-producers.ts'
import { readTail } from '../partition/tail.ts'
import { withoutSyncs } from '../testing/unsynced-files.ts'
import { TopicStore } from '../topic-store.ts'
import { ClosedWriters, readClosed } from './closed-writers.ts'
import { TransactionFinisher } from './finisher.ts'
import { journalNames } from './journal-names.ts'
import { readJournals } from './journals.ts'
import { openTransactionalWriter } from './open-transactional-writer.ts'

const env = withoutSyncs(nodeEnv())

let scratch: string
let data: string
let log: Log

beforeEach(async () => {
  scratch = mkdtempSync(`${tmpdir()}/millrace-parts-`)
  data = `${scratch}/data`
  log = await openFileLog({ directory: data, env })
  await log.admin.createTopic('t', { partitions: 2 })
})

afterEach(async () => {
  await log.close()
  rmSync(scratch, { recursive: true, force: true })
})

/** The path of a writer's journal in the data directory. */
function journalOf(transactionalId: string): string {
  const [found = expect.fail()] = journalNames(env.files, data, transactionalId)
  return `transactions/${found.name}`
}

/** The data as it is now, and as it would be after the power of the machine was lost. */
function snapshot(): string {
  const copy = mkdtempSync(`${scratch}/copy-`)
  cpSync(data, copy, { recursive: true })
  return copy
}

function putBack(from: string, to: string, part: string): void {
  rmSync(`${to}/${part}`, { recursive: true, force: true })
  cpSync(`${from}/${part}`, `${to}/${part}`, { recursive: true })
}

async function reopened(directory: string): Promise<Log> {
  const again = await openFileLog({ directory, env })
  onTestFinished(() => again.close())
  return again
}

/** Commits a record to some partitions. */
async function commit(writer: TransactionalWriter, ...partitions: number[]): Promise<void> {
  for (const partition of partitions) write(await writer.openPartition('t', partition), 'k', 'v')
  await writer.commit([])
}

const differs = expect.objectContaining({ code: 'LOG_PARTS_DIFFER' })

test('of two writers to one partition, the older journal of either is refused', async () => {
  const [one, other] = [await log.openTransactionalWriter('one'), await log.openTransactionalWriter('other')]
  await commit(one, 0, 1)
  await commit(other, 0)
  const earlier = snapshot()
  await commit(one, 0, 1)
  await commit(other, 0)
  for (const parts of [[journalOf('one'), 'topics/t/1'], [journalOf('other')]]) {
    const mix = snapshot()
    for (const part of parts) putBack(earlier, mix, part)
    const again = await reopened(mix)
    await expect(again.openReader().assign('t', 0, 0)).rejects.toEqual(differs)
    await expect(again.openWriter().openPartition('t', 0)).rejects.toEqual(differs)
    await expect(again.admin.checkTopics(['t'])).rejects.toEqual(differs)
  }
  await (await reopened(snapshot())).admin.checkTopics(['t'])
})

test('a partition that is older than the rest is refused, also if the last transaction did not write to it', async () => {
  const writer = await log.openTransactionalWriter('w')
  await commit(writer, 0)
  const earlier = snapshot()
  await commit(writer, 1)
  await commit(writer, 0)
  const mix = snapshot()
  putBack(earlier, mix, 'topics/t/1')
  const again = await reopened(mix)
  await expect(again.openReader().assign('t', 1, 0)).rejects.toMatchObject({
    code: 'LOG_PARTS_DIFFER',
    place: { topic: 't', partition: 1 },
    message: expect.stringMatching(/t\/1.*ends at offset 0.*reaches offset 1/),
  })
})

test('an older partition is refused although it has grown past what was committed there', async () => {
  const writer = await log.openTransactionalWriter('w')
  await commit(writer, 0)
  const earlier = snapshot()
  await commit(writer, 0)
  const mix = snapshot()
  const grown = await reopened(earlier)
  const plain = grown.openWriter()
  const to: PartitionWriter = await plain.openPartition('t', 0)
  for (let count = 0; count < 10; count++) write(to, 'k', 'other')
  await plain.flush()
  putBack(earlier, mix, 'topics/t/0')
  await expect((await reopened(mix)).openReader().assign('t', 0, 0)).rejects.toEqual(differs)
})

test('a journal that has not come to a transaction that is open in a partition is refused', async () => {
  const writer = await log.openTransactionalWriter('w')
  const earlier = snapshot()
  write(await writer.openPartition('t', 0), 'k', 'aborted')
  await writer.flush()
  await writer.abort()
  write(await writer.openPartition('t', 0), 'k', 'open')
  await writer.flush()
  const mix = snapshot()
  putBack(earlier, mix, journalOf('w'))
  await expect((await reopened(mix)).openReader().assign('t', 0, 0)).rejects.toEqual(differs)
  await (await reopened(snapshot())).openReader().assign('t', 0, 0)
})

test('a partition is opened beside a writer that commits without a pause', async () => {
  const other = await reopened(data)
  const writer = await log.openTransactionalWriter('w')
  let running = true
  const committing = (async () => {
    while (running) await commit(writer, 0, 1)
  })()
  for (let count = 0; count < 200; count++) {
    const reader = other.openReader()
    await reader.assign('t', count % 2, 0)
    await reader.close()
    await other.admin.checkTopics(['t'])
  }
  running = false
  await committing
})

test('a topic that was removed by hand is reported as missing until it is deleted', async () => {
  const writer = await log.openTransactionalWriter('w')
  await commit(writer, 0)
  const copy = snapshot()
  rmSync(`${copy}/topics/t`, { recursive: true })
  const again = await reopened(copy)
  await expect(again.admin.checkTopics(['t'])).rejects.toEqual(differs)
  await again.admin.createTopic('t', { partitions: 2 })
  await expect(again.admin.checkTopics(['t'])).rejects.toEqual(differs)
  await again.admin.deleteTopic('t')
  await again.admin.checkTopics(['t'])
  await again.admin.createTopic('t', { partitions: 2 })
  await again.admin.checkTopics(['t'])
})

test('a deleted topic is not reported as missing, though the journal of a dead writer names it', async () => {
  const writer = await log.openTransactionalWriter('w')
  await commit(writer, 0)
  const again = await reopened(snapshot())
  await again.admin.deleteTopic('t')
  await again.admin.checkTopics(['t'])
  await again.openTransactionalWriter('w')
  await again.admin.checkTopics(['t'])
  await again.admin.createTopic('t', { partitions: 2 })
  await again.admin.checkTopics(['t'])
})

test('a topic with other partitions than its settings say is refused', async () => {
  const copy = snapshot()
  cpSync(`${copy}/topics/t/1`, `${copy}/topics/t/2`, { recursive: true })
  await expect((await reopened(copy)).admin.checkTopics(['t'])).rejects.toEqual(differs)
})

test('more producers than a partition knows are committed to it, and it can be opened', async () => {
  for (let count = 0; count <= KNOWN_PRODUCERS_MAX; count++) {
    const writer = await log.openTransactionalWriter(`w${count}`)
    await commit(writer, 0)
    await writer.close()
  }
  const file = env.files.open(`${data}/topics/t/0/tail`, 'read')
  expect(committedBy(readTail(file)?.committed ?? NO_PRODUCERS)).toHaveLength(KNOWN_PRODUCERS_MAX)
  file.close()
  const copy = snapshot()
  rmSync(`${copy}/topics/t/0/tail`)
  for (const directory of [data, copy]) await (await reopened(directory)).admin.checkTopics(['t'])
})

test('commits that a journal has no room for are kept with those of closed writers', async () => {
  const topics = new TopicStore(env, data)
  const closed = new ClosedWriters(env, data)
  const finisher = new TransactionFinisher(env, data, topics, 'os', closed)
  const cleaning = new Cleaning(async () => undefined, env.timers)
  const context = {
    env,
    data,
    topics,
    durability: 'os',
    finisher,
    closed,
    cleaning,
    namedPartitionsMax: 1,
    groupBatchBytesMax: 1000,
  } as const
  const writer = await openTransactionalWriter(context, 'w')
  await commit(writer, 0)
  await commit(writer, 0)
  expect(readClosed(env.files, data).partitions).toEqual([])
  await commit(writer, 1)
  expect(readJournals(env.files, data)[0]?.decided?.partitions).toMatchObject([{ partition: 1 }])
  expect(readClosed(env.files, data).partitions).toMatchObject([{ partition: 0 }])
  await writer.close()
  await log.admin.checkTopics(['t'])
})

test('producers that no partition knows any more are forgotten once there are too many', {
  timeout: 60_000,
}, async () => {
  const writer = await log.openTransactionalWriter('w')
  await commit(writer, 0)
  await writer.close()
  const closed = new ClosedWriters(env, data)
  for (let id = 1; id <= 1000; id++) await closed.add({ id, epoch: 0, partitions: [] })
  expect(readClosed(env.files, data).producers).toHaveLength(1)
  await log.admin.checkTopics(['t'])
})

test('a damaged record of closed writers is refused with its file', async () => {
  const writer = await log.openTransactionalWriter('w')
  await commit(writer, 0)
  await writer.close()
  const copy = snapshot()
  expect(readdirSync(`${copy}/transactions`)).toContain('.closed-writers.1.json')
  const file = env.files.open(`${copy}/transactions/.closed-writers.1.json`, 'write')
  const byte = Buffer.alloc(1)
  file.read(byte, 0, 1, 20)
  file.write(Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, 20)
  file.close()
  await expect((await reopened(copy)).openReader().assign('t', 0, 0)).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    message: expect.stringContaining('.closed-writers.1.json'),
  })
})
