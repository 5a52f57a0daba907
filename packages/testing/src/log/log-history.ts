import { FollowedRows } from './rows.ts'

/** What one process has read of one partition. */
export interface Reading {
  readonly process: string
  readonly partition: number
  readonly records: { readonly offset: number; readonly value: string | null }[]
}

/**
 * What writers did and which results they got, and so what the log must contain. It is the scenario's memory, which never
 * crashes.
 */
export class LogHistory {
  /** By writer, the numbers that it wrote and that were acknowledged: they must be in the log. */
  readonly acknowledged = new Map<string, number[]>()
  /** By writer, the numbers that it aborted: no reader may see them. */
  readonly aborted = new Map<string, number[]>()
  /** By writer, the numbers of transactions that some reader saw. */
  readonly seen = new Map<string, Set<number>>()
  /** By writer, the last number whose record may be missing from the queue. */
  readonly purged = new Map<string, number>()
  /** What one process keeps of the rows. */
  readonly followed = new FollowedRows()
  /** What each process that reads continuously read, from each partition's start, in the order in which it read it. */
  readonly readings: Reading[] = []
  readonly #next = new Map<string, number>()

  /** The writer's next number; it keeps counting after the writer dies. */
  next(writer: string): number {
    const number = this.#next.get(writer) ?? 0
    this.#next.set(writer, number + 1)
    return number
  }

  acknowledge(writer: string, numbers: readonly number[]): void {
    addTo(this.acknowledged, writer, numbers)
  }

  abort(writer: string, numbers: readonly number[]): void {
    addTo(this.aborted, writer, numbers)
  }

  purge(writer: string, number: number): void {
    this.purged.set(writer, Math.max(number, this.purged.get(writer) ?? -1))
  }

  /** Begins a list of what a process reads of a partition from its start. */
  beginReading(process: string, partition: number): Reading {
    const reading: Reading = { process, partition, records: [] }
    this.readings.push(reading)
    return reading
  }

  /**
   * The power failed: what was read but not yet durable may be lost, and its offsets may be given to other records. Everything
   * stays up to the last record that was acknowledged, or that was read as part of a transaction.
   */
  cutReadings(): void {
    const durable = new Set<string>()
    for (const [writer, numbers] of [...this.acknowledged, ...this.seen]) {
      for (const number of numbers) durable.add(asValue(writer, number))
    }
    for (const { records } of this.readings) {
      records.length = records.findLastIndex(({ value }) => durable.has(value ?? '')) + 1
    }
  }

  see(writer: string, number: number): void {
    const seen = this.seen.get(writer)
    if (seen === undefined) this.seen.set(writer, new Set([number]))
    else seen.add(number)
  }
}

function addTo(lists: Map<string, number[]>, name: string, numbers: readonly number[]): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [...numbers])
  else list.push(...numbers)
}

/** Numbers as records contain them. */
export function asValue(writer: string, number: number): string {
  return `${writer}:${number}`
}

export function parseValue(value: string | null): { readonly writer: string; readonly number: number } {
  const [writer = '', number = ''] = (value ?? '').split(':')
  return { writer, number: Number(number) }
}
