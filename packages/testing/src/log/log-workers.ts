import type { Log, LogWriter, PartitionReader, PartitionWriter } from '@millrace/core'
import { MillraceError } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { asValue, type LogHistory, parseValue } from './log-history.ts'
import { ROWS } from './rows.ts'

export const PARTITIONS = 2
export const EVENTS = 'events'
export const TABLE = 'table'
export const QUEUE = 'queue'

/** Whether a writer writes transactions, of which readers must see all or nothing. */
export function isTransactional(writer: string): boolean {
  return writer.startsWith('t-')
}

/** Small, so that a few records close a segment. */
const SEGMENT_BYTES = 1024
const RECORDS_MAX = 5

export async function createTopics(log: Log): Promise<void> {
  const topics = [
    [EVENTS, 'delete'],
    [TABLE, 'compact'],
    [QUEUE, 'delete'],
    [ROWS, 'compact'],
  ] as const
  for (const [name, cleanup] of topics) {
    try {
      if ((await log.admin.describeTopic(name)) !== undefined) continue
      await log.admin.createTopic(name, { partitions: PARTITIONS, cleanup, segmentBytes: SEGMENT_BYTES })
    } catch (error) {
      if (!(error instanceof MillraceError && error.code === 'TOPIC_EXISTS')) throw error
    }
  }
}

/** Writes until the process dies: single records, and the same records into the table and the queue. */
export async function writeRecords(log: Log, process: SimulatedProcess, history: LogHistory): Promise<never> {
  const name = `p-${process.name}`
  const { random, timers } = process.env
  const writer = log.openWriter()
  const events = await openAll(writer, EVENTS)
  const table = await writer.openPartition(TABLE, 0)
  const queue = await writer.openPartition(QUEUE, 0)
  for (;;) {
    const numbers = Array.from({ length: 1 + Math.floor(random.next() * RECORDS_MAX) }, () => history.next(name))
    for (const number of numbers) {
      const value = asValue(name, number)
      write(events[number % PARTITIONS] ?? table, name, value)
      write(table, name, value)
      write(queue, name, value)
      if (random.next() < 0.1) await timers.turn()
    }
    await writer.flush()
    history.acknowledge(name, numbers)
    await pause(process)
  }
}

/** Writes until the process dies: each transaction writes one number to every partition and a group. */
export async function writeTransactions(log: Log, process: SimulatedProcess, history: LogHistory): Promise<never> {
  const name = `t-${process.name}`
  const { random } = process.env
  const writer = await log.openTransactionalWriter(name)
  const events = await openAll(writer, EVENTS)
  const table = await writer.openGroup(TABLE, 0)
  for (;;) {
    const number = history.next(name)
    for (const partition of events) write(partition, name, asValue(name, number))
    if (random.next() < 0.3) await writer.flush()
    if (random.next() < 0.1) {
      history.abort(name, [number])
      await writer.abort()
    } else {
      write(table, name, asValue(name, number))
      await writer.commit([table])
      history.acknowledge(name, [number])
    }
    await pause(process)
  }
}

/** Reads until the process dies, waiting for more, and notes which transactions it saw. */
export async function readRecords(log: Log, process: SimulatedProcess, history: LogHistory): Promise<never> {
  const reader = log.openReader()
  const partitions: PartitionReader[] = []
  for (let partition = 0; partition < PARTITIONS; partition++)
    partitions.push(await reader.assign(EVENTS, partition, 0))
  const readings = partitions.map(({ partition }) => history.beginReading(process.name, partition))
  for (;;) {
    for (const [index, partition] of partitions.entries()) {
      for (const { offset, value } of readAll(partition)) {
        readings[index]?.records.push({ offset, value })
        const { writer, number } = parseValue(value)
        if (history.aborted.get(writer)?.includes(number) === true) throw new Error(`${value} was read: it was aborted`)
        if (isTransactional(writer)) history.see(writer, number)
      }
    }
    await reader.wait(10 + process.env.random.next() * 50)
  }
}

/** Compacts the table and the rows now and then until the process dies. */
export async function cleanTables(log: Log, process: SimulatedProcess): Promise<never> {
  for (;;) {
    await new Promise<void>((resolve) => {
      process.env.timers.after(5 + process.env.random.next() * 40, resolve)
    })
    await log.admin.clean(process.env.random.next() < 0.5 ? TABLE : ROWS)
  }
}

/** Reads the queue, and purges what it has read, until the process dies. */
export async function purgeQueue(log: Log, process: SimulatedProcess, history: LogHistory): Promise<never> {
  const reader = log.openReader()
  const { start } = await log.admin.offsets(QUEUE, 0)
  const queue = await reader.assign(QUEUE, 0, start)
  for (;;) {
    for (const { value } of readAll(queue)) {
      const { writer, number } = parseValue(value)
      history.purge(writer, number)
    }
    await log.admin.purge(QUEUE, 0, queue.position)
    await reader.wait(20 + process.env.random.next() * 50)
  }
}

async function openAll(writer: Pick<LogWriter, 'openPartition'>, topic: string): Promise<PartitionWriter[]> {
  const partitions: PartitionWriter[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    partitions.push(await writer.openPartition(topic, partition))
  }
  return partitions
}

/** Waits before the next write: a writer does not write all the time. */
async function pause({ env: { random, timers } }: SimulatedProcess): Promise<void> {
  if (random.next() < 0.5) await timers.turn()
  else await new Promise<void>((resolve) => timers.after(random.next() * 8, resolve))
}
