import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openFileLog } from '@millrace/connectors/file'
import { type Log, openTopicWriter } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { type Container, startContainer } from '@millrace/runtime'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { check } from './check.ts'
import { crashJob, orders } from './crash-job.ts'
import { abandonedData } from './damaged-data.ts'
import { TIMEOUT_MS } from './extent.ts'
import { runJob, ScratchDirectory } from './job-process.ts'

const EARLIER = 20
const LATER = 40

let earlier: ScratchDirectory
let later: ScratchDirectory

beforeAll(async () => {
  earlier = new ScratchDirectory()
  later = new ScratchDirectory()
  await finish(earlier.path, EARLIER)
  cpSync(earlier.path, later.path, { recursive: true })
  await finish(later.path, LATER)
}, TIMEOUT_MS)

afterAll(() => {
  earlier[Symbol.dispose]()
  later[Symbol.dispose]()
})

async function finish(directory: string, count: number): Promise<void> {
  const { code, output } = await runJob(directory, { orders: count })
  if (code !== 0) throw new Error(output)
}

/** A copy of `data` in which one part comes from `other`. */
function mixed(data: ScratchDirectory, other: ScratchDirectory, part: string): ScratchDirectory {
  const mix = new ScratchDirectory()
  cpSync(data.path, mix.path, { recursive: true })
  rmSync(join(mix.path, part), { recursive: true })
  cpSync(join(other.path, part), join(mix.path, part), { recursive: true })
  return mix
}

function starting(log: Log, data: ScratchDirectory): Promise<Container> {
  return startContainer({ job: crashJob, log, env: nodeEnv(), stateDirectory: `${data.path}/state`, untilEnd: true })
}

test.for([
  // When the job starts, this topic has grown again, with the same orders in other batches.
  'topics/orders',
  'topics/receipts',
  'topics/receipts/1',
  'topics/product-totals',
  'topics/crash.by-product.repartition',
  'topics/crash.changelog',
  'topics/crash.changelog/0',
  'transactions',
])('a job is refused when %s alone is older than the rest', { timeout: TIMEOUT_MS }, async (part) => {
  using mix = mixed(later, earlier, part)
  expect(await check(mix.path, { orders: LATER + 20 })).toMatchObject({ differences: [], refusal: 'LOG_PARTS_DIFFER' })
})

test.for([
  'topics/receipts',
  'topics/product-totals',
  'topics/crash.by-product.repartition',
  'topics/crash.changelog',
  'transactions',
])('a job is refused when %s alone is newer than the rest', { timeout: TIMEOUT_MS }, async (part) => {
  using mix = mixed(earlier, later, part)
  expect(await check(mix.path, { orders: LATER + 20 })).toMatchObject({
    differences: [],
    refusal: 'LOG_PARTS_DIFFER',
  })
})

test.for(['topics/orders', 'state'])(
  'a job continues to the right result when %s alone is newer than the rest',
  { timeout: TIMEOUT_MS },
  async (part) => {
    using mix = mixed(earlier, later, part)
    expect(await check(mix.path, { orders: LATER + 20 })).toMatchObject({ differences: [], refusal: undefined })
  },
)

test('a job continues to the right result when its local state alone is older than the rest', {
  timeout: TIMEOUT_MS,
}, async () => {
  using mix = mixed(later, earlier, 'state')
  expect(await check(mix.path, { orders: LATER + 20 })).toMatchObject({ differences: [], refusal: undefined })
})

test('a job is refused when an input is older than its checkpoint', { timeout: TIMEOUT_MS }, async () => {
  using mix = mixed(later, earlier, 'topics/orders')
  const log = await openFileLog({ directory: mix.path, env: nodeEnv() })
  await expect(starting(log, mix)).rejects.toMatchObject({ code: 'INPUT_LOST', place: { topic: 'orders' } })
  await log.close()
})

test('a job is refused when an input was replaced by an older copy that has grown past its checkpoint since', {
  timeout: TIMEOUT_MS,
}, async () => {
  using mix = mixed(later, earlier, 'topics/orders')
  const log = await openFileLog({ directory: mix.path, env: nodeEnv() })
  const writer = await openTopicWriter(log, orders)
  const order = { number: 0, customer: 'zoe', product: 'figs', cents: 1 }
  for (const partition of [0, 1]) {
    for (let count = 0; count < 2 * LATER; count++) {
      writer.send({ key: 'zoe', value: order, timestamp: 1, partition })
    }
  }
  await writer.close()
  await expect(starting(log, mix)).rejects.toMatchObject({ code: 'LOG_PARTS_DIFFER', place: { topic: 'orders' } })
  await log.close()
})

test('a topic of a job that is missing is refused, until the user states that it was removed on purpose', {
  timeout: TIMEOUT_MS,
}, async () => {
  using copy = new ScratchDirectory()
  cpSync(later.path, copy.path, { recursive: true })
  rmSync(join(copy.path, 'topics/crash.changelog'), { recursive: true })
  expect(await check(copy.path, { orders: LATER })).toMatchObject({ refusal: 'LOG_PARTS_DIFFER' })
  const log = await openFileLog({ directory: copy.path, env: nodeEnv() })
  for (const topic of ['crash.changelog', 'crash.catalog', 'crash.by-product.repartition'])
    await log.admin.deleteTopic(topic)
  await log.close()
  // Everything is computed again, and the outputs repeat, as expected after the deletion of these topics.
  const { refusal, differences } = await check(copy.path, { orders: LATER })
  expect(refusal).toBeUndefined()
  expect(differences.every((difference) => difference.startsWith('topic '))).toBe(true)
})

test('a killed job is refused when its journals are of an earlier run', { timeout: TIMEOUT_MS }, async () => {
  using killed = await abandonedData()
  using mix = mixed(killed, earlier, 'transactions')
  const { differences, refusal } = await check(mix.path, { orders: LATER + 20 })
  expect(differences).toEqual([])
  expect(refusal).toBe('LOG_PARTS_DIFFER')
})
