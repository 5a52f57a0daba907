import assert from 'node:assert/strict'
import { rejects, throwsCode } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { write } from './records.ts'

/** Making, describing and deleting topics. */
export function topicsConformance({ test, factory }: LogTests): void {
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

  test('that two processes create at once are created once', async (log) => {
    const other = await factory.again(log)
    const made = await Promise.allSettled([log.admin.createTopic('a'), other.admin.createTopic('a')])
    assert.deepEqual(made.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    await other.close()
  })

  test('that do not exist are named in the error of every call', async (log) => {
    await rejects('TOPIC_MISSING', log.admin.deleteTopic('none'))
    await rejects('TOPIC_MISSING', log.admin.offsets('none', 0))
    await rejects('TOPIC_MISSING', log.openReader().assign('none', 0, 0))
    await rejects('TOPIC_MISSING', log.openWriter().openPartition('none', 0))
    await log.admin.createTopic('t')
    await rejects('PARTITION_MISSING', log.admin.offsets('t', 1))
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
    const recreated = await log.admin.createTopic('a')
    assert.notEqual(recreated.id, id)
    assert.deepEqual(await log.admin.offsets('a', 0), { start: 0, end: 0 })
    await other.close()
  })
}
