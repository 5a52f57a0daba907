import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Log, LogReader, PartitionReader } from '@millrace/core'
import { type ReadRecord, readAll } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { filter, firstValueFrom, ReplaySubject } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'

const PROGRAM = fileURLToPath(new URL('../testing/member-process.ts', import.meta.url))
const TASKS = 4
const SESSION_TIMEOUT_MS = 1000
const KILLS = 4

let directory: string
let log: Log
let workers: Worker[]
let journal: Journal

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-members-`)
  log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
  workers = []
  await log.admin.createTopic('t', { partitions: TASKS })
  journal = await Journal.open(log)
})

afterEach(async () => {
  for (const worker of workers) await worker.kill()
  await log.close()
  rmSync(directory, { recursive: true })
})

/** A process that has a share of the tasks. */
class Worker {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #lines = new ReplaySubject<string>()
  /** Its member; a new one each time it joins. */
  member = ''

  constructor() {
    const args = [directory, 'group', 't', String(TASKS), String(SESSION_TIMEOUT_MS)]
    this.#child = spawn(process.execPath, ['--conditions=millrace-source', PROGRAM, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()))
    if (this.#child.stdout === null) throw new Error('It has no output')
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (line.startsWith('member ')) this.member = line.slice('member '.length)
      this.#lines.next(line)
    })
    workers.push(this)
  }

  output(line: RegExp): Promise<string> {
    return firstValueFrom(this.#lines.pipe(filter((each) => line.test(each))))
  }

  request(what: 'stop' | 'leave'): void {
    this.#child.stdin?.write(`${what}\n`)
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  get ended(): Promise<void> {
    return this.#exited
  }
}

type Owners = readonly (string | null)[]

/** The commits of each task, in the order in which they arrive. */
class Journal {
  readonly #reader: LogReader
  readonly #tasks: readonly { readonly from: PartitionReader; readonly records: ReadRecord[] }[]

  private constructor(reader: LogReader, readers: readonly PartitionReader[]) {
    this.#reader = reader
    this.#tasks = readers.map((from) => ({ from, records: [] }))
  }

  static async open(of: Log): Promise<Journal> {
    const reader = of.openReader()
    const readers: PartitionReader[] = []
    for (let task = 0; task < TASKS; task++) readers.push(await reader.assign('t', task, 0))
    return new Journal(reader, readers)
  }

  /**
   * The member that committed last for each task; null if none did yet, which differs from the member of a process that has
   * not joined.
   */
  get owners(): Owners {
    return this.#tasks.map(({ records }) => records.at(-1)?.key ?? null)
  }

  /** Reads until `reached` accepts the owners. */
  async until(reached: (owners: Owners) => boolean): Promise<void> {
    for (;;) {
      for (const { from, records } of this.#tasks) records.push(...readAll(from))
      if (reached(this.owners)) return
      await this.#reader.wait(1000)
    }
  }

  /** A task has one owner after the other: no record of one owner comes after a record of the next. */
  expectOneOwnerAtATime(): void {
    for (const { records } of this.#tasks) {
      const generations = records.map(({ value }) => Number(value))
      expect(generations).toEqual([...generations].sort((a, b) => a - b))
      const owners = new Map<string | null, Set<string | null>>()
      for (const { key, value } of records) owners.set(value, (owners.get(value) ?? new Set()).add(key))
      for (const members of owners.values()) expect(members.size).toBe(1)
    }
  }
}

const evenly = (owners: Owners) =>
  workers.every(({ member }) => {
    const count = owners.filter((owner) => owner === member).length
    return count === Math.floor(TASKS / workers.length) || count === Math.ceil(TASKS / workers.length)
  }) && owners.every((owner) => workers.some(({ member }) => member === owner))

test('the tasks of a killed process are taken over within two seconds, and never have two owners', async () => {
  for (let count = 0; count < 3; count++) new Worker()
  await journal.until(evenly)
  const takeoversMs: number[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    const killed = workers.shift()
    const startedMs = performance.now()
    await killed?.kill()
    await journal.until((owners) => owners.every((owner) => owner !== killed?.member))
    takeoversMs.push(performance.now() - startedMs)
    new Worker()
    await journal.until(evenly)
  }
  journal.expectOneOwnerAtATime()
  // One slow look on a busy machine proves nothing; only if all are slow, something is wrong.
  expect(Math.min(...takeoversMs)).toBeLessThan(2000)
})

test('a stopped process loses its tasks, writes nothing more when it wakes, and joins again', async () => {
  const stopped = new Worker()
  const other = new Worker()
  await journal.until(evenly)
  const before = stopped.member
  stopped.request('stop')
  await stopped.output(/^stopping/)
  await journal.until((owners) => owners.every((owner) => owner === other.member))
  stopped.resume()
  expect(await stopped.output(/^fenced/)).toMatch(/^fenced (MEMBER|WRITER)_FENCED$/)
  await journal.until(evenly)
  expect(stopped.member).not.toBe(before)
  journal.expectOneOwnerAtATime()
})

test('a process that leaves hands its tasks over in order', async () => {
  const leaving = new Worker()
  const other = new Worker()
  await journal.until(evenly)
  leaving.request('leave')
  await leaving.ended
  await journal.until((owners) => owners.every((owner) => owner === other.member))
  journal.expectOneOwnerAtATime()
})
