import { openFileLog } from '@millrace/connectors/file'
import type { Batch, PartitionReader, Topic } from '@millrace/core'
import type { Machine } from '../machine/machine.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { DATA, mayReorder } from './audit.ts'
import { isExpectedRefusal } from './expected-refusals.ts'
import { hold } from './invariants.ts'
import { copies, orders, totalChanges } from './orders-job.ts'
import type { Scenario } from './scenario.ts'

export const WITNESS = 'witness'

/** What one process of the witness has read of a partition. */
interface Reading {
  readonly orders: PartitionReader
  readonly copies: PartitionReader
  readonly totalChanges: PartitionReader
  /** The ids of the orders in their topic. */
  readonly ids: number[]
  /** How many copies, and how many totals, it has read. */
  copied: number
  totals: number
}

/**
 * Reads the outputs as they become visible, after every step of the machine. It outlives its processes: what one process has
 * read as committed, the next one must read again.
 */
export class Witness {
  readonly #machine: Machine
  readonly #mayReorder: boolean
  readonly #copies: number[][]
  readonly #totalChanges: string[][]
  #process: SimulatedProcess | undefined
  #readings: readonly Reading[] = []
  /** How many changes of each customer's total were read. */
  readonly #counts = new Map<string, number>()
  #failure: { readonly error: unknown } | undefined

  constructor(machine: Machine, scenario: Scenario) {
    const { partitions } = scenario
    this.#machine = machine
    this.#mayReorder = mayReorder(scenario)
    this.#copies = Array.from({ length: partitions }, () => [])
    this.#totalChanges = Array.from({ length: partitions }, () => [])
  }

  /** Reads what is new. Throws `Violation`. */
  look(): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#process?.state !== 'running') this.#begin()
    for (const [partition, reading] of this.#readings.entries()) {
      eachRecord(reading.orders, orders, (_key, order) => reading.ids.push(order.id))
      eachRecord(reading.copies, copies, (_key, id) => this.#seeCopy(partition, reading, id))
      eachRecord(reading.totalChanges, totalChanges, (key, { count }) => this.#seeTotal(partition, reading, key, count))
    }
  }

  /** Whether it has read this many orders, and as many outputs of each kind. */
  hasRead(orders: number): boolean {
    const sum = (count: (reading: Reading) => number) => this.#readings.reduce((total, each) => total + count(each), 0)
    return [sum(({ ids }) => ids.length), sum(({ copied }) => copied), sum(({ totals }) => totals)].every(
      (count) => count === orders,
    )
  }

  #seeCopy(partition: number, reading: Reading, id: number): void {
    const at = reading.copied++
    hold('order per key', reading.ids[at] === id, () => {
      return `partition ${partition}: copy ${at} is of order ${id}; the orders are ${reading.ids}`
    })
    seeAgain(this.#copies[partition] ?? [], at, id, `copy of partition ${partition}`)
  }

  #seeTotal(partition: number, reading: Reading, customer: string, count: number): void {
    const last = this.#counts.get(customer) ?? 0
    hold(
      'no double count',
      this.#mayReorder || count === last + 1,
      () => `${customer}: count ${count} is told after ${last}`,
    )
    this.#counts.set(customer, count)
    seeAgain(
      this.#totalChanges[partition] ?? [],
      reading.totals++,
      `${customer} ${count}`,
      `total of partition ${partition}`,
    )
  }

  /** Starts a process that reads from the start. */
  #begin(): void {
    const process = this.#machine.process(WITNESS)
    this.#process = process
    this.#readings = []
    this.#open(process).catch((error: unknown) => {
      if (process.state !== 'crashed' && !isExpectedRefusal(error)) this.#failure ??= { error }
      process.crash()
    })
  }

  async #open(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env })
    const reader = log.openReader()
    const readings = this.#copies.map(async (_, partition) => ({
      orders: await reader.assign(orders.name, partition, 0),
      copies: await reader.assign(copies.name, partition, 0),
      totalChanges: await reader.assign(totalChanges.name, partition, 0),
      ids: [],
      copied: 0,
      totals: 0,
    }))
    const opened = await Promise.all(readings)
    if (this.#process !== process) return
    this.#counts.clear()
    this.#readings = opened
  }
}

/** Notes what is at a place of an output, or compares it with what was there before. */
function seeAgain<T>(seen: T[], at: number, found: T, what: string): void {
  if (at === seen.length) seen.push(found)
  hold('committed reads are a prefix', seen[at] === found, () => `${what}: ${found} is read where ${seen[at]} was`)
}

function eachRecord<V>(
  reader: PartitionReader,
  { value: serde }: Topic<string, V>,
  see: (key: string, value: V) => void,
): void {
  for (let batch = reader.poll(); batch !== undefined; batch = reader.poll()) {
    while (batch.next()) see(keyOf(batch), serde.decode(batch.bytes, batch.valueStart, batch.valueEnd))
  }
}

function keyOf({ bytes, keyStart, keyEnd }: Batch): string {
  return bytes.toString('utf8', keyStart, keyEnd)
}
