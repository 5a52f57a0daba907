import { openFileLog } from '@millrace/connectors/file'
import type { Isolation, Log, Serde } from '@millrace/core'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { hold } from './invariants.ts'
import { copies, type Order, orders, type Total, totalChanges, WINDOW_MS } from './orders-job.ts'
import type { Scenario } from './scenario.ts'
import { NOT_SET_BACK, readSetBack } from './set-back.ts'

export const DATA = '/data'
export const CHANGELOG = 'orders.changelog'
const TIME_BYTES = 8

interface ReadRecord<V> {
  readonly offset: number
  readonly key: string | null
  readonly value: V | null
  readonly marker: string | undefined
}

/** What an audit has read of the outputs, partition by partition; the next audit must read it again. */
export interface Seen {
  readonly copies: readonly (readonly number[])[]
  readonly totalChanges: readonly (readonly string[])[]
}

/**
 * Whether counts may be reported in another order: a job that is set back may take the records of several partitions in another order
 * the second time.
 */
export function mayReorder({ partitions, nodeSteps }: Pick<Scenario, 'partitions' | 'nodeSteps'>): boolean {
  return nodeSteps !== undefined && partitions > 1
}

export const NOTHING_SEEN: Seen = { copies: [], totalChanges: [] }

/** Reads what is committed, as a separate process, and checks what must hold at any moment. */
export async function audit(
  process: SimulatedProcess,
  { partitions, nodeSteps }: Scenario,
  before: Seen,
): Promise<Seen> {
  const log = await openFileLog({ directory: DATA, env: process.env, durability: 'fsync' })
  const seen: { copies: number[][]; totalChanges: string[][] } = { copies: [], totalChanges: [] }
  const counts = new Map<string, number>()
  const counted = new Set<number>()
  for (let partition = 0; partition < partitions; partition++) {
    const checkpointBefore = await checkpointOf(log, partition)
    const { end: decidedEnd } = await log.admin.offsets(copies.name, partition)
    const copied = (await read(log, copies.name, partition, copies.value)).map(({ value }) => value ?? -1)
    // A transaction gets its markers one partition after the other: its checkpoint may be readable before its copies are.
    const all = await read(log, copies.name, partition, copies.value, 'uncommitted')
    const unmarked = all.filter(({ offset }) => offset >= decidedEnd).length
    const changes = await read(log, totalChanges.name, partition, totalChanges.value)
    const checkpointAfter = await checkpointOf(log, partition)
    const setBack = nodeSteps === undefined ? NOT_SET_BACK : await readSetBack(log)
    const reached = Math.max(
      checkpointAfter,
      ...setBack.fences.map((fence) => fence[orders.name]?.[partition]?.offset ?? 0),
    )
    // After another container's open transaction, checkpoints that are committed cannot be read yet.
    const undecided = await isUndecided(log, partition)
    const inputs = await read(log, orders.name, partition, orders.value)
    const place = `partition ${partition}`
    const ids = inputs.map(({ value }) => value?.id ?? -1)
    hold('no double count', new Set(copied).size === copied.length, () => `${place} has copies twice: ${copied}`)
    hold(
      'order per key',
      copied.every((id, index) => id === ids[index]),
      () => `${place}: copies ${copied} are no prefix of orders ${ids}`,
    )
    const below = (offset: number) => inputs.filter((each) => each.offset < offset).length
    hold(
      'checkpoint covers its outputs',
      below(checkpointBefore) <= copied.length + unmarked &&
        (undecided || setBack.isUnfinished || copied.length <= below(reached)),
      () => `${place}: ${copied.length} copies, checkpoints ${checkpointBefore} and ${reached} of orders`,
    )
    for (const { key, value } of changes) {
      const order = value?.last
      hold(
        'no double count',
        order === undefined || !counted.has(order),
        () => `order ${order} has changed totals twice`,
      )
      if (order !== undefined) counted.add(order)
      if (mayReorder({ partitions, nodeSteps })) continue
      const last = counts.get(key ?? '') ?? 0
      hold('no double count', value?.count === last + 1, () => `${key}: count ${value?.count} is told after ${last}`)
      counts.set(key ?? '', last + 1)
    }
    seen.copies.push(copied)
    seen.totalChanges.push(changes.map(({ key, value }) => `${key} ${value?.count}`))
    checkPrefix(before.copies[partition] ?? [], copied, `copies of ${place}`)
    checkPrefix(before.totalChanges[partition] ?? [], seen.totalChanges[partition] ?? [], `told of ${place}`)
    await checkWatermarks(log, partition)
  }
  await log.close()
  return seen
}

/** Compares what exists after everything was processed with what should exist. */
export async function auditEnd(
  process: SimulatedProcess,
  partitions: number,
  acked: ReadonlySet<number>,
): Promise<void> {
  const log = await openFileLog({ directory: DATA, env: process.env, durability: 'fsync' })
  const all: Order[] = []
  const times = new Map<string, number>()
  const stored = new Map<string, string>()
  for (let partition = 0; partition < partitions; partition++) {
    for (const { value } of await read(log, orders.name, partition, orders.value)) if (value !== null) all.push(value)
    for (const [key, value] of await changelogOf(log, partition)) stored.set(key, value)
    const reader = log.openReader()
    const batches = await reader.assign(orders.name, partition, 0)
    for (let batch = batches.poll(); batch !== undefined; batch = batches.poll()) {
      while (batch.next()) {
        const key = batch.bytes.toString('utf8', batch.keyStart, batch.keyEnd)
        const window = `windows ${key} ${batch.timestamp - (batch.timestamp % WINDOW_MS)}`
        times.set(window, (times.get(window) ?? 0) + 1)
      }
    }
    await reader.close()
  }
  await log.close()
  const ids = new Set(all.map(({ id }) => id))
  hold('no double count', ids.size === all.length, () => 'an order stands twice in its topic')
  for (const id of acked) hold('no loss', ids.has(id), () => `order ${id} was acknowledged and is gone`)
  const totals = new Map<string, Pick<Total, 'count' | 'sum'>>()
  for (const { customer, amount } of all) {
    const { count, sum } = totals.get(customer) ?? { count: 0, sum: 0 }
    totals.set(customer, { count: count + 1, sum: sum + amount })
  }
  for (const [customer, total] of totals) {
    const found = stored.get(`totals\0${customer}`)
    const { count, sum }: Partial<Total> = found === undefined ? {} : JSON.parse(found)
    hold('no double count', count === total.count && sum === total.sum, () => {
      return `the total of ${customer} is ${found}, and its orders come to ${JSON.stringify(total)}`
    })
  }
  const counted = [...stored].filter(([key]) => key.startsWith('windows\0')).map(([, value]) => Number(value))
  const sum = counted.reduce((total, count) => total + count, 0)
  hold('no double count', sum === all.length && counted.length === times.size, () => {
    return `${counted.length} windows count ${sum} orders; there are ${all.length} in ${times.size} windows`
  })
}

/** What a store should hold: the latest of each key in the changelog. */
async function changelogOf(log: Log, partition: number): Promise<Map<string, string>> {
  const latest = new Map<string, string>()
  await eachChange(log, partition, (key, value) => {
    if (value === null) latest.delete(key)
    else latest.set(key, value)
  })
  return latest
}

/** Calls `totalChanges` for each committed record of a partition of the changelog. */
export async function eachChange(
  log: Log,
  partition: number,
  totalChanges: (key: string, value: string | null, offset: number) => void,
): Promise<void> {
  // The topic does not exist until a container makes it.
  if ((await log.admin.describeTopic(CHANGELOG)) === undefined) return
  const reader = log.openReader()
  const batches = await reader.assign(CHANGELOG, partition, 0)
  for (let batch = batches.poll(); batch !== undefined; batch = batches.poll()) {
    while (batch.next()) {
      const { bytes, valueStart, valueEnd } = batch
      const key = bytes.latin1Slice(batch.keyStart, batch.keyEnd)
      totalChanges(key, valueStart < 0 ? null : storedText(key, bytes, valueStart, valueEnd), batch.offset)
    }
  }
  await reader.close()
}

export function storedText(key: string, bytes: Buffer, start: number, end: number): string {
  // An aggregate's values come after their times. A count is an int64; totals and checkpoints are JSON.
  if (key.startsWith('windows\0')) return String(bytes.readBigInt64BE(start + TIME_BYTES))
  return bytes.toString('utf8', key.startsWith('totals\0') ? start + TIME_BYTES : start, end)
}

async function isUndecided(log: Log, partition: number): Promise<boolean> {
  if ((await log.admin.describeTopic(CHANGELOG)) === undefined) return false
  const reader = log.openReader({ isolation: 'uncommitted' })
  const all = await reader.assign(CHANGELOG, partition, 0)
  const { end } = await log.admin.offsets(CHANGELOG, partition)
  const undecided = all.endOffset > end
  await reader.close()
  return undecided
}

/** Whether everything that has come is in the stores, too: a job that was set back has had its outputs for longer. */
export async function isAllCounted(log: Log, partitions: number): Promise<boolean> {
  for (const topic of [orders.name, 'orders.totals.repartition']) {
    for (let partition = 0; partition < partitions; partition++) {
      const records = (await read(log, topic, partition, orders.value)).filter(({ marker }) => marker === undefined)
      const last = records.at(-1)
      if (last !== undefined && (await checkpointOf(log, partition, topic)) <= last.offset) return false
    }
  }
  return true
}

async function checkpointOf(log: Log, partition: number, topic = orders.name): Promise<number> {
  const text = (await changelogOf(log, partition)).get(`\0${topic}`)
  return text === undefined ? 0 : (JSON.parse(text) as { offset: number }).offset
}

async function read<V>(
  log: Log,
  name: string,
  partition: number,
  serde: Serde<V>,
  isolation: Isolation = 'committed',
): Promise<ReadRecord<V>[]> {
  const reader = log.openReader({ isolation })
  const records: ReadRecord<V>[] = []
  const { start } = await log.admin.offsets(name, partition)
  const batches = await reader.assign(name, partition, start)
  for (let batch = batches.poll(); batch !== undefined; batch = batches.poll()) {
    while (batch.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset } = batch
      records.push({
        offset,
        key: keyStart < 0 ? null : bytes.toString('utf8', keyStart, keyEnd),
        value: valueStart < 0 ? null : serde.decode(bytes, valueStart, valueEnd),
        marker: batch.findHeader('w') ? bytes.toString('utf8', batch.headerStart, batch.headerEnd) : undefined,
      })
    }
  }
  await reader.close()
  return records
}

async function checkWatermarks(log: Log, partition: number): Promise<void> {
  const latest = new Map<number, number>()
  const name = (await log.admin.listTopics()).find((topic) => topic.name.endsWith('.repartition'))?.name
  if (name === undefined) return
  for (const { marker } of await read(log, name, partition, orders.value)) {
    if (marker === undefined) continue
    const { partition: from, watermark } = JSON.parse(marker) as { partition: number; watermark: number | null }
    const last = latest.get(from) ?? -1
    hold(
      'watermarks never go back',
      (watermark ?? -1) >= last,
      () => `task ${from} told ${last}, and then ${watermark}`,
    )
    latest.set(from, watermark ?? -1)
  }
}

function checkPrefix<T>(before: readonly T[], now: readonly T[], what: string): void {
  hold(
    'committed reads are a prefix',
    before.every((each, index) => each === now[index]),
    () => `${what} were [${before}], and are [${now}]`,
  )
}
