import assert from 'node:assert/strict'
import { openWriter, values } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { readAll, write } from './records.ts'

/** Waiting for records costs nothing and ends when it should. */
export function waitingConformance({ test, factory }: LogTests): void {
  test('ends at once if there are records, after the time-out if there are not, and when it is aborted', async (log) => {
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

  test('is woken by what a writer appends, without a flush', async (log) => {
    const [partition, writer] = await openWriter(log)
    const other = await factory.again(log)
    const reader = other.openReader()
    const partitionReader = await reader.assign('t', 0, 0)
    const found: (string | null)[] = []
    for (const value of ['a', 'b']) {
      const waiting = reader.wait(60_000)
      write(partition, 'k', value)
      writer.send()
      await waiting
      found.push(...values(readAll(partitionReader)))
    }
    assert.deepEqual(found, ['a', 'b'])
    writer.send()
    await writer.flush()
    assert.deepEqual(values(readAll(partitionReader)), [])
    await other.close()
  })

  test('is woken by an append of another writer', async (log) => {
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
}
