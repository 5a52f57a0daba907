import { rmSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import type { Batch, Env, ErrorCode, Log } from '@millrace/core'
import { MillraceError } from '@millrace/core'
import { startContainer } from '@millrace/runtime'
import { crashJob, makeTopics, orders, PARTITIONS } from './crash-job.ts'
import { crashWorld, type WorldOptions } from './crash-world.ts'
import {
  changeDifferences,
  expectedOf,
  push,
  type Rows,
  rowDifferences,
  type Sequences,
  sequenceDifferences,
} from './oracle.ts'
import { appendOrders, ordersOf, readRecords } from './orders.ts'
import { rowsOf } from './rows.ts'

/** The result of opening the data again: the differences from the oracle (there should be none), or the code of a refusal. */
export interface CheckResult {
  readonly differences: readonly string[]
  readonly refusal: ErrorCode | undefined
  /** The message of the refusal, for the reader of a failed test. */
  readonly message: string
}

export interface CheckOptions extends WorldOptions {
  /** How many orders were acknowledged: they must be there. */
  readonly acknowledged?: number
  /** The input is completed to so many orders before the job runs over it. */
  readonly orders: number
  /** Whether the views are built a second time, from the changelog alone. Default true. */
  readonly rebuild?: boolean
}

/**
 * Opens data that was damaged, or whose process was killed. Completes the input, runs the job to its end, and compares the
 * input, the views and the outputs with the oracle. Then deletes the local state, and compares the views that are rebuilt from
 * the changelog alone.
 */
export async function check(directory: string, options: CheckOptions): Promise<CheckResult> {
  try {
    const env = crashWorld(options)
    const log = await openFileLog({ directory, env, durability: 'os' })
    try {
      return { differences: await differencesIn(log, env, directory, options), refusal: undefined, message: '' }
    } finally {
      await log.close()
    }
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return { differences: [], refusal: error.code, message: error.message }
  }
}

async function differencesIn(
  log: Log,
  env: Env,
  directory: string,
  { acknowledged = 0, orders: count, rebuild = true }: CheckOptions,
): Promise<string[]> {
  await makeTopics(log)
  const lost = await inputDifferences(log, acknowledged)
  if (lost.length > 0) return lost
  await appendOrders(log, count)
  const expected = expectedOf(count)
  const differences: string[] = []
  for (const from of rebuild ? ['local state', 'changelog'] : ['local state']) {
    if (from === 'changelog') rmSync(`${directory}/state`, { recursive: true, force: true })
    const rows = await rowsAtEnd(log, env, directory)
    const found = ['by-customer', 'by-product'].map((view) => rows.get(view) ?? new Map())
    differences.push(
      ...rowDifferences(`by-customer from the ${from}`, found[0] ?? new Map(), expected.byCustomer),
      ...rowDifferences(`by-product from the ${from}`, found[1] ?? new Map(), expected.byProduct),
    )
  }
  differences.push(
    ...(await inputDifferences(log, count)),
    ...sequenceDifferences('receipts', await sequences(log, 'receipts'), expected.receipts),
    ...sequenceDifferences('customer-totals', await sequences(log, 'customer-totals'), expected.customerTotals),
    ...changeDifferences('product-totals', await sequences(log, 'product-totals'), expected),
  )
  return differences
}

/** The orders must be the first ones of each partition, at least as many as were acknowledged, each as it was appended. */
async function inputDifferences(log: Log, acknowledged: number): Promise<string[]> {
  const found = Array.from({ length: PARTITIONS }, (): string[] => [])
  await readRecords(log, orders.name, (record, partition) => found[partition]?.push(valueText(record)))
  return found.flatMap((records, partition) => {
    const atLeast = ordersOf(partition, acknowledged).length
    if (records.length < atLeast) {
      return [`orders/${partition} has ${records.length} records, and ${atLeast} had been acknowledged`]
    }
    const wanted = ordersOf(partition, 2 * (records.length + 10) * PARTITIONS).slice(0, records.length)
    const wrong = wanted.findIndex((order, index) => JSON.stringify(order) !== records[index])
    return wrong === -1 ? [] : [`orders/${partition} has ${records[wrong]} at offset ${wrong}`]
  })
}

/** Runs the job over the data that exists, and returns all rows of its views. */
async function rowsAtEnd(log: Log, env: Env, directory: string): Promise<Map<string, Rows>> {
  const settings = { job: crashJob, log, env, stateDirectory: `${directory}/state`, commitIntervalMs: 5 }
  const finishing = await startContainer({ ...settings, untilEnd: true })
  await finishing.done
  const container = await startContainer(settings)
  try {
    return await rowsOf(container)
  } finally {
    await container.stop()
  }
}

async function sequences(log: Log, topic: string): Promise<Sequences> {
  const found = new Map<string, string[]>()
  await readRecords(log, topic, (record) => {
    const key = record.bytes.toString('utf8', record.keyStart, record.keyEnd)
    push(found, key, valueText(record))
  })
  return found
}

function valueText({ bytes, valueStart, valueEnd }: Batch): string {
  return bytes.toString('utf8', valueStart, valueEnd)
}
