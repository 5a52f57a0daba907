import { openFileLog } from '@millrace/connectors/file'
import type { Log } from '@millrace/core'
import { type ReadRecord, readAll, write } from '@millrace/core/conformance'
import { DiskError } from '../machine/disk-error.ts'
import { Machine } from '../machine/machine.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { asValue, LogHistory, parseValue } from './log-history.ts'
import {
  cleanTables,
  createTopics,
  EVENTS,
  isTransactional,
  PARTITIONS,
  purgeQueue,
  QUEUE,
  readRecords,
  TABLE,
  writeRecords,
  writeTransactions,
} from './log-workers.ts'
import { checkRows, followRows, writeRows } from './rows.ts'

export interface LogScenarioOptions {
  readonly durability: 'fsync' | 'os'
  /** The power fails too: then only what was synced must be there. */
  readonly powerCuts: boolean
  /** Calls of the disk fail. A process that gets such an error gives up, and starts again. */
  readonly diskErrors?: boolean
}

const DIRECTORY = '/data'
const NAMES = ['a', 'b', 'c'] as const
const ACTS = 6
const ACT_MS_MAX = 60
/** About this share of the disk calls of processes are the last ones that they make. */
const CRASH_PER_CALL = 1 / 3000
const ERROR_PER_CALL = 1 / 300
const ERRORS = ['EIO', 'ENOSPC', 'EMFILE'] as const

/**
 * Processes write to and read from one file log, die and start again. At the end, everything that was acknowledged must be
 * there once and in order, each transaction must be complete or absent, and a new process must be able to continue. Throws the
 * violation.
 */
export async function runLogScenario(seed: number, options: LogScenarioOptions): Promise<Machine> {
  const machine = new Machine(seed)
  const history = new LogHistory()
  const failures: unknown[] = []
  const { random } = machine
  await prepare(machine)
  for (let act = 0; act < ACTS; act++) {
    for (const name of NAMES) {
      const running = machine.processes.find((process) => process.name === name)
      if (running === undefined) start(machine.process(name), options, history, failures)
      else if (random.chance(0.7)) running.resume()
    }
    machine.faults = () => {
      if (random.chance(CRASH_PER_CALL)) return random.chance(0.5) ? 'torn' : 'crash'
      if (options.diskErrors !== true || !random.chance(ERROR_PER_CALL)) return undefined
      return ERRORS[random.below(ERRORS.length)]
    }
    await machine.run(() => failures.length > 0, { withinMs: random.between(1, ACT_MS_MAX) })
    if (failures.length > 0) throw failures[0]
    intervene(machine, options, history)
  }
  machine.faults = undefined
  for (const process of machine.processes) process.crash()
  if (options.powerCuts && random.chance(0.5)) cutPower(machine, history)
  await machine.settle(verify(machine.process('verifier'), options, history))
  return machine
}

/** Makes the directory durable before the scenario begins. */
async function prepare(machine: Machine): Promise<void> {
  const { files } = machine.process('administrator').env
  files.makeDirectory(DIRECTORY)
  await machine.settle(files.syncDirectory('/'))
}

function start(process: SimulatedProcess, options: LogScenarioOptions, history: LogHistory, failures: unknown[]): void {
  const work = async () => {
    const log = await open(process, options)
    await createTopics(log)
    await Promise.all([
      writeRecords(log, process, history),
      writeTransactions(log, process, history),
      readRecords(log, process, history),
      cleanTables(log, process),
      writeRows(log, process),
      ...(process.name === 'a' ? [purgeQueue(log, process, history)] : []),
      ...(process.name === 'b' ? [followRows(log, process, history.followed)] : []),
    ])
  }
  work().catch((error: unknown) => {
    // In a dead process every call fails; how its code reacts does not matter.
    if (process.state === 'crashed') return
    if (options.diskErrors === true && isDiskError(error)) process.crash()
    else failures.push(error)
  })
}

function open(process: SimulatedProcess, { durability }: LogScenarioOptions): Promise<Log> {
  return openFileLog({ directory: DIRECTORY, env: process.env, durability })
}

/** Whether an error comes from a fault that was put into the process's calls. */
function isDiskError(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof DiskError && ERRORS.some((code) => code === cause.code)) return true
  }
  return false
}

/** What happens between two acts. */
function intervene(machine: Machine, { powerCuts }: LogScenarioOptions, history: LogHistory): void {
  const { random, processes } = machine
  const one = processes[random.below(processes.length)]
  // Longer than a tombstone is kept.
  if (random.chance(0.5)) machine.jumpClock(25 * 3_600_000)
  const what = random.next()
  if (what < 0.2) one?.crash()
  else if (what < 0.4) one?.pause()
  else if (what < 0.5) for (const process of processes) process.crash()
  else if (what < 0.6) machine.jumpClock(random.between(-3_600_000, 3_600_000))
  else if (what < 0.9 && powerCuts) cutPower(machine, history)
}

function cutPower(machine: Machine, history: LogHistory): void {
  machine.powerCut()
  history.cutReadings()
}

async function verify(process: SimulatedProcess, options: LogScenarioOptions, history: LogHistory): Promise<void> {
  const log = await open(process, options)
  await createTopics(log)
  // A new process must be able to continue.
  const writer = await log.openTransactionalWriter('t-verifier')
  for (let partition = 0; partition < PARTITIONS; partition++) {
    write(await writer.openPartition(EVENTS, partition), null, asValue('t-verifier', 0))
  }
  await writer.commit([])
  history.acknowledge('t-verifier', [0])
  for (const [writer, numbers] of history.seen) history.acknowledge(writer, [...numbers])
  const partitions = [await read(log, EVENTS, 0), await read(log, EVENTS, 1)]
  checkOrder(partitions)
  checkAcknowledged(partitions, history)
  checkWhole(partitions, history)
  checkReadings(partitions, history)
  checkTable(await read(log, TABLE, 0), history)
  checkQueue(await read(log, QUEUE, 0), history)
  await checkRows(log, history.followed)
  await log.close()
}

async function read(log: Log, topic: string, partition: number): Promise<ReadRecord[]> {
  const reader = log.openReader()
  const { start } = await log.admin.offsets(topic, partition)
  const assigned = await reader.assign(topic, partition, start)
  const records = readAll(assigned)
  const { end } = await log.admin.offsets(topic, partition)
  if (assigned.position !== end)
    throw new Error(`${topic}/${partition} was read to ${assigned.position}, not to ${end}`)
  await reader.close()
  return records
}

/** Every writer's numbers ascend in every partition: no number is there twice or out of order. */
function checkOrder(partitions: readonly (readonly ReadRecord[])[]): void {
  for (const [partition, records] of partitions.entries()) {
    const latest = new Map<string, number>()
    for (const { value, offset } of records) {
      const { writer, number } = parseValue(value)
      const before = latest.get(writer) ?? -1
      if (number <= before) throw new Error(`partition ${partition}@${offset}: ${value} comes after number ${before}`)
      latest.set(writer, number)
    }
  }
}

function checkAcknowledged(partitions: readonly ReadRecord[][], history: LogHistory): void {
  const values = partitions.map((records) => new Set(records.map(({ value }) => value)))
  for (const [writer, numbers] of history.acknowledged) {
    for (const number of numbers) {
      const value = asValue(writer, number)
      for (const [partition, present] of values.entries()) {
        if (!isTransactional(writer) && number % PARTITIONS !== partition) continue
        if (!present.has(value))
          throw new Error(`${value} is not in ${EVENTS}/${partition}: it was acknowledged, or read`)
      }
    }
  }
}

/** Transactions are in every partition or in none; aborted ones are in none. */
function checkWhole(partitions: readonly ReadRecord[][], history: LogHistory): void {
  const counts = new Map<string, number>()
  for (const { value } of partitions.flat()) counts.set(value ?? '', (counts.get(value ?? '') ?? 0) + 1)
  for (const [value, count] of counts) {
    const { writer, number } = parseValue(value)
    if (isTransactional(writer) && count !== PARTITIONS) throw new Error(`${value} is in ${count} partitions`)
    if (history.aborted.get(writer)?.includes(number)) throw new Error(`${value} is there: it was aborted`)
  }
}

/**
 * Every process that reads continuously has read each partition from its start without a gap: the same value at the same
 * offset, each once, in order, and nothing that is not in the log now.
 */
function checkReadings(partitions: readonly ReadRecord[][], history: LogHistory): void {
  for (const { process, partition, records } of history.readings) {
    for (const [index, { offset, value }] of records.entries()) {
      const there = partitions[partition]?.[index]
      if (there?.offset === offset && there.value === value) continue
      throw new Error(
        `${process} read ${value} at ${EVENTS}/${partition}@${offset} as record ${index}; ` +
          `that is ${there?.value} at offset ${there?.offset}`,
      )
    }
  }
}

/** Compaction keeps the latest record of every key: at least as late as the last acknowledged one. */
function checkTable(records: readonly ReadRecord[], history: LogHistory): void {
  const latest = new Map<string, number>()
  for (const { value } of records) {
    const { writer, number } = parseValue(value)
    latest.set(writer, number)
  }
  for (const [writer, numbers] of history.acknowledged) {
    if (writer === 't-verifier') continue
    const least = numbers.reduce((most, number) => Math.max(most, number), -1)
    const there = latest.get(writer) ?? -1
    if (there < least) throw new Error(`${TABLE} has ${writer}:${there}: number ${least} was acknowledged`)
  }
}

/** Purging removes only what it may remove, and nothing after it. */
function checkQueue(records: readonly ReadRecord[], history: LogHistory): void {
  checkOrder([records])
  const present = new Set(records.map(({ value }) => value))
  for (const [writer, numbers] of history.acknowledged) {
    if (isTransactional(writer)) continue
    for (const number of numbers) {
      if (number <= (history.purged.get(writer) ?? -1) || present.has(asValue(writer, number))) continue
      throw new Error(`${QUEUE} lacks ${asValue(writer, number)}: it was acknowledged, and not purged`)
    }
  }
}
