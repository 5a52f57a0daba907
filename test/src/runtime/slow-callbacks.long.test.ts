import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { json } from '@millrace/core'
import { BehaviorSubject, filter, firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const PROGRAM = fileURLToPath(new URL('slow-member.ts', import.meta.url))
const PARTITIONS = 4
const SESSION_TIMEOUT_MS = 600
/** A call takes twice as long as a member may be silent. */
const CALL_MS = 1200

let world: JobWorld
let members: Member[]

beforeEach(async () => {
  members = []
  world = await JobWorld.open()
  await world.topic('slow', { partitions: PARTITIONS })
  await world.topic('done', { partitions: PARTITIONS })
})

afterEach(async () => {
  for (const member of members) await member.signal('SIGKILL')
  await world.close()
})

/** One of the processes that share the job. */
class Member {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #lines = new BehaviorSubject<readonly string[]>([])

  constructor() {
    const args = [world.directory, String(SESSION_TIMEOUT_MS), String(CALL_MS)]
    this.#child = spawn(process.execPath, ['--conditions=millrace-source', PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()))
    if (this.#child.stdout === null) throw new Error('It has no output')
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#lines.next([...this.lines, line]))
    members.push(this)
  }

  get lines(): readonly string[] {
    return this.#lines.value
  }

  get calls(): number {
    return this.lines.filter((line) => line === 'call').length
  }

  /** How often it was fenced. */
  get fenced(): number {
    return this.lines.filter((line) => line.includes('joins again')).length
  }

  async until(reached: (lines: readonly string[]) => boolean): Promise<void> {
    await firstValueFrom(this.#lines.pipe(filter(reached)))
  }

  async hasTasks(count: number): Promise<void> {
    await this.until((lines) => lines.findLast((line) => line.startsWith('tasks')) === `tasks ${count}`)
  }

  /** Sends a signal. If the signal ends the process, waits for the end. */
  async signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP'): Promise<void> {
    this.#child.kill(signal)
    if (signal !== 'SIGSTOP') await this.#ended
  }
}

/** Appends that many records to each partition: numbers from 0 on. */
async function produce(counts: readonly number[]): Promise<void> {
  const partitions = counts.flatMap((count, partition) => Array<number>(count).fill(partition))
  const records = partitions.map((partition, value) => ({
    key: `k${partition}`,
    value,
    timestamp: 1000 + value,
    partition,
  }))
  await world.produce('slow', json<number>(), records)
}

async function done(): Promise<number[]> {
  const values: number[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    values.push(...(await world.read('done', json<number>(), partition)).map(([, value]) => value ?? -1))
  }
  return values.sort((a, b) => a - b)
}

async function untilDone(count: number): Promise<void> {
  const reader = world.log.openReader()
  let seen = 0
  const readers = []
  for (let partition = 0; partition < PARTITIONS; partition++) readers.push(await reader.assign('done', partition, 0))
  while (seen < count) {
    for (const each of readers)
      for (let batch = each.poll(); batch !== undefined; batch = each.poll()) while (batch.next()) seen++
    if (seen < count) await reader.wait(1000)
  }
  await reader.close()
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

test('two containers whose callback takes longer than the session share the work, and none is fenced', async () => {
  const [first, second] = [new Member(), new Member()]
  await Promise.all([first.hasTasks(2), second.hasTasks(2)])
  await produce([1, 1, 2, 4])
  await untilDone(8)
  // No call is made twice: each container makes the calls of its share, at the same time as the other.
  expect(first.calls + second.calls).toBe(8)
  expect(Math.min(first.calls, second.calls)).toBeGreaterThan(1)
  expect(first.fenced + second.fenced).toBe(0)
  await Promise.all([first.signal('SIGTERM'), second.signal('SIGTERM')])
  expect(await done()).toEqual(numbers(8))
})

test('a container that joins one in a long callback waits for its tasks, and does not fence it', async () => {
  const first = new Member()
  await first.hasTasks(4)
  await produce([2, 2, 2, 2])
  await first.until((lines) => lines.includes('call'))
  const second = new Member()
  await second.hasTasks(2)
  await untilDone(8)
  expect(second.calls).toBeGreaterThan(0)
  expect(first.calls + second.calls).toBe(8)
  expect(first.fenced).toBe(0)
})

test('a container that is stopped in a callback loses its tasks to one that is in long callbacks itself', async () => {
  const [first, second] = [new Member(), new Member()]
  await Promise.all([first.hasTasks(2), second.hasTasks(2)])
  // Far more calls than one session takes: the test ends as soon as the tasks are taken over.
  await produce([50, 50, 50, 50])
  await second.until((lines) => lines.includes('call'))
  await second.signal('SIGSTOP')
  await first.hasTasks(4)
  // It still had calls to make for its own tasks.
  expect(first.calls).toBeLessThan(100)
})
