import assert from 'node:assert/strict'
import { rejects, values } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { readAll, write } from './records.ts'

/** Groups are whole or absent; claims exclude. */
export function groupsConformance({ test, factory }: LogTests): void {
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
      if (batch.nextOffset === nextOffset) last = batch.recordsChecksum()
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

  test('closing a log gives up its claims', async (log) => {
    const other = await factory.again(log)
    await other.claim('job')
    await rejects('JOB_RUNNING', log.claim('job'))
    await other.close()
    await (await log.claim('job')).release()
  })
}
