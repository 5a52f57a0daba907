import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Log, LogReader, PartitionReader } from '@millrace/core'
import { type ReadRecord, readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'

const PROGRAM = fileURLToPath(new URL('testing/append-process.ts', import.meta.url))
const PRODUCERS = ['a', 'b', 'c']
const KILLS = 12

let directory: string
let log: Log

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-processes-`)
  log = await openFileLog({ directory, env: nodeEnv() })
})

afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

/** A process that appends, and the records that were acknowledged to it. */
class Producer {
  readonly name: string
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  acknowledged: number
  #text = ''
  #received = Promise.withResolvers<void>()

  constructor(name: string, first: number) {
    this.name = name
    this.acknowledged = first - 1
    const args = ['--conditions=millrace-source', PROGRAM, directory, 't', name, String(first), '10']
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString()
      const lines = this.#text.split('\n')
      this.#text = lines.pop() ?? ''
      for (const line of lines) this.acknowledged = Number(line)
      this.#received.resolve()
      this.#received = Promise.withResolvers()
    })
  }

  /** Resolves when so many more of its records have been acknowledged. */
  async appends(records: number): Promise<void> {
    const until = this.acknowledged + records
    while (this.acknowledged < until) await this.#received.promise
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}

function numbersOf(records: readonly ReadRecord[], name: string): number[] {
  return records.filter(({ key }) => key === name).map(({ value }) => Number(value))
}

async function followUntil(reader: LogReader, from: PartitionReader, end: number): Promise<ReadRecord[]> {
  const records = readAll(from)
  while (from.position < end) {
    await reader.wait(10_000)
    records.push(...readAll(from))
  }
  return records
}

test('processes that append to one partition at once, and are killed at any moment, lose, repeat and reorder nothing', async () => {
  // Small segments, so that kills fall into rolling as well.
  await log.admin.createTopic('t', { segmentBytes: 20_000 })
  const reader = log.openReader()
  const live = await reader.assign('t', 0, 0)
  const followed: ReadRecord[] = []
  const producers = new Map(PRODUCERS.map((name) => [name, new Producer(name, 0)]))
  // Records that a killed process appended without an acknowledgement may be in the log or not; the next process appends
  // after them.
  const maybe = new Map<string, number>()
  for (let kill = 0; kill < KILLS; kill++) {
    const name = PRODUCERS[kill % PRODUCERS.length] ?? ''
    const producer = producers.get(name)
    await producer?.appends(10 * (1 + ((kill * 7) % 13)))
    await producer?.kill()
    followed.push(...readAll(live))
    const first = 1_000_000 * (kill + 1)
    maybe.set(`${name} ${first}`, producer?.acknowledged ?? 0)
    producers.set(name, new Producer(name, first))
  }
  for (const producer of producers.values()) {
    await producer.appends(50)
    await producer.kill()
  }
  const { end } = await log.admin.offsets('t', 0)
  followed.push(...(await followUntil(reader, live, end)))

  const records = readAll(await log.openReader().assign('t', 0, 0))
  expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: end }, (_, offset) => offset))
  expect(followed).toEqual(records)
  for (const name of PRODUCERS) {
    const numbers = numbersOf(records, name)
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    // The records of each run of a process are there from its first number, without a gap, at least up to the acknowledged
    // one.
    const acknowledged = [...maybe].filter(([id]) => id.startsWith(`${name} `)).map(([, number]) => number)
    acknowledged.push(producers.get(name)?.acknowledged ?? 0)
    const runs = Map.groupBy(numbers, (number) => Math.floor(number / 1_000_000))
    expect(runs.size).toBe(acknowledged.length)
    for (const [index, run] of [...runs.values()].entries()) {
      const first = run[0] ?? 0
      expect(first % 1_000_000).toBe(0)
      expect(run).toEqual(Array.from({ length: run.length }, (_, at) => first + at))
      expect(run.at(-1)).toBeGreaterThanOrEqual(acknowledged[index] ?? 0)
    }
  }
})

test('a reader that sleeps is woken by the append of another process, without using the processor meanwhile', async () => {
  await log.admin.createTopic('t')
  const reader = log.openReader()
  const from = await reader.assign('t', 0, 0)
  const before = process.cpuUsage()
  const startedMs = performance.now()
  await reader.wait(400)
  const cpuMs = (process.cpuUsage(before).user + process.cpuUsage(before).system) / 1000
  expect(performance.now() - startedMs).toBeGreaterThan(390)
  expect(cpuMs).toBeLessThan(200)
  const producer = new Producer('a', 0)
  await reader.wait(30_000)
  expect(readAll(from).length).toBeGreaterThan(0)
  await producer.kill()
})

test('a wait ends with the append, long before the look that would find a lost announcement', async () => {
  await log.admin.createTopic('t')
  const other = await openFileLog({ directory, env: nodeEnv() })
  const writer = other.openWriter()
  const to = await writer.openPartition('t', 0)
  const reader = log.openReader()
  const from = await reader.assign('t', 0, 0)
  const delays: number[] = []
  for (let round = 0; round < 5; round++) {
    const waiting = reader.wait(30_000)
    await new Promise((resolve) => setImmediate(resolve))
    write(to, 'k', 'v')
    await writer.flush()
    const startedMs = performance.now()
    await waiting
    delays.push(performance.now() - startedMs)
    readAll(from)
  }
  expect(Math.min(...delays)).toBeLessThan(300)
  await other.close()
})
