import assert from 'node:assert/strict'
import type { TransactionalWriter } from '../contracts/writers.ts'
import { rejects, valuesIn } from './expectations.ts'
import type { LogTests } from './log-tests.ts'
import { write } from './records.ts'

/** An id has one owner: a writer that opens it fences the writer that had it. */
export function transactionFencingConformance({ test, factory }: LogTests): void {
  const calls: Record<string, (writer: TransactionalWriter) => Promise<unknown>> = {
    flush: (writer) => writer.flush(),
    commit: (writer) => writer.commit([]),
    abort: (writer) => writer.abort(),
  }
  for (const [name, call] of Object.entries(calls)) {
    test(`a writer that opens an id fences its owner, whose ${name} then fails`, async (log) => {
      await log.admin.createTopic('t')
      const other = await factory.again(log)
      const first = await log.openTransactionalWriter('id')
      const partition = await first.openPartition('t', 0)
      write(partition, 'k', 'committed')
      await first.commit([])
      write(partition, 'k', 'open')
      await first.flush()
      write(partition, 'k', 'in memory')
      const second = await other.openTransactionalWriter('id')
      assert.deepEqual(await valuesIn(other), ['committed'])
      write(await second.openPartition('t', 0), 'k', 'of the second')
      await second.flush()
      const late = async () => {
        write(partition, 'k', 'late')
        await call(first)
      }
      await rejects('WRITER_FENCED', late())
      for (const each of Object.values(calls)) await rejects('WRITER_FENCED', each(first))
      assert.deepEqual(await valuesIn(log), ['committed'])
      await second.commit([])
      assert.deepEqual(await valuesIn(log), ['committed', 'of the second'])
      await other.close()
      assert.deepEqual(await valuesIn(log), ['committed', 'of the second'])
    })
  }

  test('a fenced writer that had nothing open can commit nothing more', async (log) => {
    await log.admin.createTopic('t')
    const first = await log.openTransactionalWriter('id')
    const partition = await first.openPartition('t', 0)
    const group = await first.openGroup('t', 0)
    const second = await log.openTransactionalWriter('id')
    write(group, 'k', 'late')
    const late = async () => {
      write(partition, 'k', 'late')
      await first.commit([group])
    }
    await rejects('WRITER_FENCED', late())
    write(await second.openPartition('t', 0), 'k', 'second')
    await second.commit([])
    assert.deepEqual(await valuesIn(log), ['second'])
    assert.deepEqual(await valuesIn(log, 0, 'uncommitted'), ['second'])
  })

  test('a writer that is fenced while its commit is on its way commits nothing', async (log) => {
    await log.admin.createTopic('t', { partitions: 2 })
    const first = await log.openTransactionalWriter('id')
    for (const partition of [0, 1]) write(await first.openPartition('t', partition), 'k', 'undecided')
    await first.flush()
    const ready = Promise.withResolvers<void>()
    const committing = first.commit([], ready.promise)
    write(await first.openPartition('t', 0), 'k', 'next')
    const second = await log.openTransactionalWriter('id')
    ready.resolve()
    await rejects('WRITER_FENCED', committing)
    for (const partition of [0, 1]) write(await second.openPartition('t', partition), 'k', 'second')
    await second.commit([])
    for (const partition of [0, 1]) assert.deepEqual(await valuesIn(log, partition), ['second'])
  })

  test('owner after owner is fenced, and each leaves what it committed', async (log) => {
    await log.admin.createTopic('t')
    const committed: string[] = []
    let fenced: TransactionalWriter | undefined
    for (let owner = 0; owner < 8; owner++) {
      const writer = await log.openTransactionalWriter('id')
      if (fenced !== undefined) await rejects('WRITER_FENCED', fenced.flush())
      const partition = await writer.openPartition('t', 0)
      for (let index = 0; index < 3; index++) {
        write(partition, 'k', `${owner} ${index}`)
        committed.push(`${owner} ${index}`)
        await writer.commit([])
      }
      write(partition, 'k', 'left open')
      await writer.flush()
      fenced = writer
    }
    assert.deepEqual(await valuesIn(log), committed)
  })

  test('writers of other ids, and those without, continue', async (log) => {
    await log.admin.createTopic('t')
    const other = await log.openTransactionalWriter('other')
    const plain = log.openWriter()
    write(await other.openPartition('t', 0), 'k', '1')
    await other.flush()
    const first = await log.openTransactionalWriter('id')
    await log.openTransactionalWriter('id')
    write(await plain.openPartition('t', 0), 'k', '2')
    await plain.flush()
    await other.commit([])
    assert.deepEqual(await valuesIn(log), ['1', '2'])
    await rejects('WRITER_FENCED', first.flush())
  })

  test('a transaction that a closed log left open holds up no reader', async (log) => {
    await log.admin.createTopic('t')
    const other = await factory.again(log)
    const writer = await other.openTransactionalWriter('id')
    write(await writer.openPartition('t', 0), 'k', 'left open')
    await writer.flush()
    const plain = log.openWriter()
    write(await plain.openPartition('t', 0), 'k', 'behind')
    await plain.flush()
    assert.deepEqual(await valuesIn(log), [])
    await other.close()
    assert.deepEqual(await valuesIn(log), ['behind'])
  })
}
