import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { job, json, stream, string, topic } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { type Container, startContainer, startViewServer } from '@millrace/runtime'
import { filter, firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { JobWorld } from './job-world.ts'

const PARTITIONS = 2
const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<number>() })
const totals = stream(numbers)
  .groupBy((_, { length }) => `${length}`, string())
  .aggregate('totals', { init: () => 0, add: (sum, value) => sum + value, value: json<number>() })
const theJob = job('leaking', totals, totals.changes().to(out))

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  for (const name of ['numbers', 'out']) await world.topic(name, { partitions: PARTITIONS })
})

afterEach(() => world.close())

/** The number of open files, sockets and the like of this process, by what they are, and of the files that it watches. */
function opened(): Record<string, number> {
  const counts: Record<string, number> = {}
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1
  }
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      // One of them is the directory that was just read, which is closed by now.
      for (const line of readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').split('\n')) {
        if (line.startsWith('inotify')) count('watched files')
      }
      count(readlinkSync(`/proc/self/fd/${fd}`).replaceAll(/\d+/g, '#'))
    } catch {}
  }
  // Sockets, timers and watchers, including those that do not keep the process alive.
  const report = process.report.getReport() as { readonly libuv: readonly { readonly type: string }[] }
  for (const { type } of report.libuv) count(type)
  return counts
}

/** Runs `cycle` that many times, and requires that no more is open at the end than after the first few cycles. */
async function expectNoLeak(cycles: number, cycle: (round: number) => Promise<void>): Promise<void> {
  const warmUp = 5
  for (let round = 0; round < warmUp; round++) await cycle(round)
  const before = opened()
  for (let round = warmUp; round < warmUp + cycles; round++) await cycle(round)
  // A socket, or the file of a member's heartbeat, closes a little later than the call that closes it.
  await vi.waitFor(
    () => {
      const after = opened()
      const more = Object.entries(after).filter(([name, count]) => count > (before[name] ?? 0) + 2)
      expect(more, JSON.stringify({ before, after })).toEqual([])
    },
    { timeout: 10_000 },
  )
}

async function hasTasks(container: Container, count: number): Promise<void> {
  await firstValueFrom(container.status.pipe(filter(({ tasks }) => tasks.length === count)))
}

describe.skipIf(process.platform !== 'linux')('over many cycles nothing stays open', () => {
  test('of a log: readers that wait, writers, transactions, groups, claims', { timeout: 120_000 }, async () => {
    await expectNoLeak(200, async (round) => {
      const log = await openFileLog({ directory: world.directory, env: nodeEnv(), durability: 'os' })
      const reader = log.openReader()
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const assigned = await reader.assign('numbers', partition, 0)
        while (assigned.poll() !== undefined);
      }
      const waiting = reader.wait(60_000)
      const writer = await log.openTransactionalWriter(`writer-${round % 3}`)
      write(await writer.openPartition('numbers', round % PARTITIONS), 'k', '1')
      await writer.flush()
      await (round % 2 === 0 ? writer.abort() : writer.commit([]))
      const plain = log.openWriter()
      write(await plain.openPartition('numbers', round % PARTITIONS), 'k', '1')
      await plain.flush()
      await waiting
      await (await log.claim('job')).release()
      // Some cycles close what they have opened, others only the log.
      if (round % 3 === 0) for (const each of [reader, writer, plain]) await each.close()
      await log.close()
    })
  })

  test('of a job: containers that share it, rebuilt stores, views, pages, change streams', {
    timeout: 240_000,
  }, async () => {
    await expectNoLeak(30, async (round) => {
      await world.produce('numbers', numbers.value, [
        { key: 'k'.repeat(1 + (round % 9)), value: 1, timestamp: round, partition: round % PARTITIONS },
      ])
      if (round % 3 === 0) rmSync(world.stateDirectory, { recursive: true, force: true })
      const env = nodeEnv()
      const log = await openFileLog({ directory: world.directory, env, durability: 'os' })
      const options = { job: theJob, log, env, stateDirectory: world.stateDirectory, commitIntervalMs: 5 }
      const first = await startContainer(options)
      await hasTasks(first, 2 * PARTITIONS)
      const status = await firstValueFrom(first.status)
      const server = await startViewServer({
        job: 'leaking',
        views: first.views,
        status: () => status,
        env,
        token: null,
      })
      const gone = new AbortController()
      const followed = await fetch(`${server.url}/views/totals/changes`, { signal: gone.signal })
      const page = await (await fetch(`${server.url}/views/totals/entries?limit=2`)).json()
      expect(page).toHaveProperty('entries')
      const second = await startContainer(options)
      await hasTasks(first, PARTITIONS)
      await second.stop()
      await hasTasks(first, 2 * PARTITIONS)
      gone.abort()
      await followed.body?.cancel().catch(() => undefined)
      await server.close()
      await first.stop()
      await log.close()
    })
  })
})
