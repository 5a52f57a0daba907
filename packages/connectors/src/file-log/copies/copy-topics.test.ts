import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log, TopicCopies } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { PartitionFiles } from '../partition/partition-files.ts'

let scratch: string
let log: Log
let copies: TopicCopies
const copy = () => `${scratch}/copy`

beforeEach(async () => {
  scratch = mkdtempSync(`${tmpdir()}/millrace-copies-`)
  log = await openFileLog({ directory: `${scratch}/data`, env: nodeEnv() })
  if (log.copies === undefined) throw new Error('a file log copies topics')
  copies = log.copies
})

afterEach(async () => {
  await log.close()
  rmSync(scratch, { recursive: true, force: true })
})

async function append(topic: string, count: number, value = 'value'): Promise<void> {
  const writer = log.openWriter()
  const to = await writer.openPartition(topic, 0)
  for (let number = 0; number < count; number++) {
    write(to, `k${number % 7}`, value.padEnd(100, '.'))
    await writer.flush()
  }
  await writer.close()
}

async function valuesIn(from: Log, topic: string): Promise<(string | null)[]> {
  const { start } = await from.admin.offsets(topic, 0)
  return readAll(await from.openReader().assign(topic, 0, start)).map(({ value }) => value)
}

async function copied(topic: string): Promise<(string | null)[]> {
  const opened = await copies.open(copy())
  onTestFinished(() => opened.close())
  return valuesIn(opened, topic)
}

/** The transactions that are open in a topic of the copy, as its files are. */
function openIn(topic: string): readonly unknown[] | undefined {
  const files = new PartitionFiles(nodeEnv().files, copy(), topic, 0)
  onTestFinished(() => files.close())
  return files.readTail()?.open
}

const segments = (directory: string, topic: string) =>
  readdirSync(`${directory}/topics/${topic}/0`).filter((name) => name.endsWith('.log'))

test('a copy holds what was committed when it was made, shares closed segments, and nothing later changes it', async () => {
  for (const cleanup of ['delete', 'compact'] as const)
    await log.admin.createTopic(cleanup, { cleanup, segmentBytes: 1024 })
  await append('delete', 60)
  await append('compact', 60)
  // The background may not have compacted all of it yet.
  await log.admin.clean('compact')
  const before = [await valuesIn(log, 'delete'), await valuesIn(log, 'compact')]
  await copies.copy(['delete', 'compact'], copy())
  const names = segments(copy(), 'delete')
  const shared = names.map((name) => {
    const [one, other] = [`${scratch}/data`, copy()].map((each) => statSync(`${each}/topics/delete/0/${name}`).ino)
    return one === other
  })
  expect(shared.length).toBeGreaterThan(3)
  expect(shared).toEqual(names.map((_, index) => index < names.length - 1))
  await append('delete', 20, 'later')
  await append('compact', 20, 'later')
  await log.admin.clean('compact')
  await log.admin.purge('delete', 0, 70)
  expect([await copied('delete'), await copied('compact')]).toEqual(before)
})

test('a transaction that is open at the moment is aborted in the copy, in all its topics, and is committed in the log', async () => {
  for (const topic of ['one', 'two']) await log.admin.createTopic(topic)
  const writers = await Promise.all(['w', 'v'].map((id) => log.openTransactionalWriter(id)))
  const [open, other] = writers
  if (open === undefined || other === undefined) throw new Error('there are two writers')
  for (const topic of ['one', 'two']) write(await open.openPartition(topic, 0), 'k', 'committed')
  await open.commit([])
  for (const topic of ['one', 'two']) write(await open.openPartition(topic, 0), 'k', 'open')
  await open.flush()
  write(await other.openPartition('two', 0), 'k', 'behind it')
  await other.commit([])
  await copies.copy(['one', 'two'], copy())
  expect(openIn('one')).toEqual([])
  expect(openIn('two')).toEqual([])
  await open.commit([])
  expect(await copied('one')).toEqual(['committed'])
  expect(await copied('two')).toEqual(['committed', 'behind it'])
  expect(await valuesIn(log, 'one')).toEqual(['committed', 'open'])
  expect(await valuesIn(log, 'two')).toEqual(['committed', 'open', 'behind it'])
})

test('while a copy is made, a purge deletes nothing that belongs to it, and does not wait', async () => {
  await log.admin.createTopic('t', { segmentBytes: 1024 })
  await append('t', 60)
  await copies.copy(['t'], copy(), () => log.admin.purge('t', 0, 60))
  expect(await copied('t')).toHaveLength(60)
  await log.admin.purge('t', 0, 60)
  expect((await log.admin.offsets('t', 0)).start).toBeGreaterThan(0)
})

test('what a commit has written before the moment is in the copy, also if it came while the copy was being prepared', async () => {
  await log.admin.createTopic('t')
  await copies.copy(['t'], copy(), () => append('t', 3))
  expect(await copied('t')).toHaveLength(3)
})

test('a topic that does not exist is refused', async () => {
  await expect(copies.copy(['t'], copy())).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
})

test('a topic that is replaced holds what the copy held, under another id, and the copy does not change with it', async () => {
  await log.admin.createTopic('t', { segmentBytes: 1024 })
  const writer = await log.openTransactionalWriter('w')
  write(await writer.openPartition('t', 0), 'k', 'committed')
  await writer.commit([])
  await append('t', 30)
  await copies.copy(['t'], copy())
  const before = await log.admin.describeTopic('t')
  write(await writer.openPartition('t', 0), 'k', 'committed later')
  await writer.commit([])
  await writer.close()
  const reader = await log.openReader().assign('t', 0, 0)
  await copies.replace(['t'], copy())
  expect(() => reader.poll()).toThrow(expect.objectContaining({ code: 'TOPIC_MISSING' }))
  await log.admin.checkTopics(['t'])
  const after = await log.admin.describeTopic('t')
  expect(after).toEqual({ ...before, id: after?.id })
  expect(after?.id).not.toBe(before?.id)
  expect(await valuesIn(log, 't')).toHaveLength(31)
  await append('t', 20, 'again')
  await log.admin.purge('t', 0, 51)
  expect(await copied('t')).toHaveLength(31)
  // Also a topic that does not exist.
  await log.admin.deleteTopic('t')
  await copies.replace(['t'], copy())
  expect(await valuesIn(log, 't')).toHaveLength(31)
})

test('a copy is placed in a log whose journals do not know what has written it', async () => {
  await log.admin.createTopic('t')
  const writer = await log.openTransactionalWriter('w')
  write(await writer.openPartition('t', 0), 'k', 'committed')
  await writer.commit([])
  await copies.copy(['t'], copy())
  const other = await openFileLog({ directory: `${scratch}/other`, env: nodeEnv() })
  onTestFinished(() => other.close())
  await other.copies?.replace(['t'], copy())
  await other.admin.checkTopics(['t'])
  expect(await valuesIn(other, 't')).toEqual(['committed'])
})

test.each(['replaced', 'deleted'])(
  'a topic is %s while another process that opens the log removes its files',
  async (how) => {
    await log.admin.createTopic('t')
    await append('t', 3)
    await copies.copy(['t'], copy())
    const env = nodeEnv()
    const removed = () => readdirSync(`${scratch}/data/topics`).some((name) => name.startsWith('.removing-'))
    const syncDirectory = async (path: string) => {
      await env.files.syncDirectory(path)
      if (removed()) await (await openFileLog({ directory: `${scratch}/data`, env })).close()
    }
    const other = await openFileLog({
      directory: `${scratch}/data`,
      env: { ...env, files: { ...env.files, syncDirectory } },
    })
    onTestFinished(() => other.close())
    if (how === 'replaced') await other.copies?.replace(['t'], copy())
    else await other.admin.deleteTopic('t')
    expect(removed()).toBe(false)
    expect((await other.admin.listTopics()).map(({ name }) => name)).toEqual(how === 'replaced' ? ['t'] : [])
  },
)
