import { logConformance, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { describe, expect, test } from 'vitest'
import { SkewedClock } from '../file-log/testing/skewed-clock.ts'
import { isTransactional, producerOf } from '../record-batch/batch-header.ts'
import { EPOCH_MAX } from '../record-batch/format.ts'
import { memoryLog } from './memory-log.ts'

/** So small that the suite's larger groups are runs of batches. */
const GROUP_BATCH_BYTES = 1000

const clock = new SkewedClock(nodeEnv().clock)
let latest = memoryLog(nodeEnv())

logConformance({ describe, test }, 'memory', {
  async open() {
    clock.skewMs = 0
    latest = memoryLog({ ...nodeEnv(), clock }, { groupBatchBytesMax: GROUP_BATCH_BYTES })
    return latest
  },
  again: async () => latest.again(),
  advance: (_, ms) => {
    clock.skewMs += ms
  },
})

test('a log states how large a batch of a group is at most', async () => {
  expect(memoryLog(nodeEnv()).capabilities.groupBatchBytesMax).toBe(1_048_576)
})

test("a marker takes an offset, and a transaction's batches name their producer", async () => {
  const log = memoryLog(nodeEnv())
  await log.admin.createTopic('t')
  const writer = await log.openTransactionalWriter('id')
  const partition = await writer.openPartition('t', 0)
  for (const outcome of ['committed', 'aborted', 'committed']) {
    write(partition, 'k', 'v')
    await writer.flush()
    await (outcome === 'committed' ? writer.commit([]) : writer.abort())
  }
  expect(await log.admin.offsets('t', 0)).toEqual({ start: 0, end: 6 })
  const reader = await log.openReader().assign('t', 0, 0)
  const epochs: [number, number][] = []
  for (let batch = reader.poll(); batch !== undefined; batch = reader.poll()) {
    expect(isTransactional(batch.bytes, 0)).toBe(true)
    epochs.push([batch.baseOffset, producerOf(batch.bytes, 0).epoch])
  }
  expect(epochs).toEqual([
    [0, 0],
    [4, 2],
  ])
})

test('after its last epoch a writer continues as another producer', async () => {
  const log = memoryLog(nodeEnv())
  await log.admin.createTopic('t')
  const writer = await log.openTransactionalWriter('id')
  const partition = await writer.openPartition('t', 0)
  for (let epoch = 0; epoch <= EPOCH_MAX; epoch++) await writer.commit([])
  write(partition, 'k', 'v')
  await writer.commit([])
  const batch = (await log.openReader().assign('t', 0, 0)).poll()
  expect(batch && producerOf(batch.bytes, 0)).toEqual({ id: 2, epoch: 0 })
})
