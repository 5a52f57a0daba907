import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Env, Log } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { filter, firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { withFaults } from '../testing/faulty-files.ts'
import { compact } from './compaction.ts'

const RECORDS = 20_000

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-cleaning-`)
})

afterEach(() => rmSync(directory, { recursive: true }))

/** A log whose topic `t` has one closed segment with each key once. */
async function fill(log: Log, cleanup: 'delete' | 'compact'): Promise<void> {
  await log.admin.createTopic('t', { segmentBytes: 1024, cleanup })
  const changes = await log.openTransactionalWriter('w')
  const group = await changes.openGroup('t', 0)
  for (let index = 0; index < RECORDS; index++) write(group, `key ${index}`, 'v')
  await changes.commit([group])
  const writer = log.openWriter()
  write(await writer.openPartition('t', 0), 'key 0', 'v')
  await writer.flush()
}

/** An environment in which every read of the monotonic clock takes a millisecond. */
function slowClock(): { env: Env; turns: () => number; looks: () => number } {
  const env = nodeEnv()
  let [turns, looks] = [0, 0]
  const timers = {
    after: env.timers.after,
    turn: () => {
      turns++
      return env.timers.turn()
    },
  }
  return {
    env: { ...env, timers, clock: { now: env.clock.now, monotonic: () => ++looks } },
    turns: () => turns,
    looks: () => looks,
  }
}

test('a compaction lets other work run every few milliseconds, also in the middle of a batch', async () => {
  const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
  await fill(log, 'delete')
  const { env, turns, looks } = slowClock()
  const files = new PartitionFiles(env.files, directory, 't', 0)
  await compact(env, files, { segmentBytes: 1024, dirtyRatioMin: 0 })
  files.close()
  // Every record is noted once and looked up once; 64 of them take less than a millisecond.
  expect(looks()).toBeGreaterThan((2 * RECORDS) / 64)
  expect(turns()).toBeGreaterThan(looks() / 4)
  await log.close()
})

test('a compaction that takes long is cut off when its log is closed, and the next one does it', async () => {
  const env = nodeEnv()
  const turned = Promise.withResolvers<void>()
  const waiting = Promise.withResolvers<{ readonly ms: number; cutOff(): void }>()
  let release: (() => void) | undefined
  const held: Env = {
    ...env,
    clock: { now: env.clock.now, monotonic: slowClock().env.clock.monotonic },
    timers: {
      after: (ms, callback) => {
        waiting.resolve({ ms, cutOff: callback })
        return { cancel: () => undefined }
      },
      turn: () => {
        turned.resolve()
        return new Promise((resolve) => {
          release = resolve
        })
      },
    },
  }
  const log = await openFileLog({ directory, env: held, durability: 'os' })
  await fill(log, 'compact')
  await turned.promise
  const closed = log.close()
  // Closing has waited as long as it may.
  const { ms, cutOff } = await waiting.promise
  expect(ms).toBe(5000)
  cutOff()
  release?.()
  await closed
  expect(existsSync(`${directory}/topics/t/0/compacting`)).toBe(false)
  const again = await openFileLog({ directory, env, durability: 'os' })
  expect(readAll(await again.openReader().assign('t', 0, 0))).toHaveLength(RECORDS + 1)
  await again.admin.clean('t')
  expect((await again.openReader().assign('t', 0, 0)).compactedBefore).toBe(RECORDS)
  await again.close()
})

test('a compaction that fails is reported with its cause, until one succeeds, and leaves no file half written', async () => {
  let failing = true
  const env = withFaults(nodeEnv(), (call, path) =>
    failing && call === 'write' && path.endsWith('/compacting') ? 'ENOSPC' : undefined,
  )
  const log = await openFileLog({ directory, env, durability: 'os' })
  const failures = (count: number) =>
    firstValueFrom(log.cleaningFailures.pipe(filter(({ length }) => length === count)))
  await fill(log, 'compact')
  const [failure] = await failures(1)
  expect(failure).toMatchObject({
    code: 'CLEANING_FAILED',
    message: expect.stringMatching(
      /^Partition t\/0 cannot be cleaned, and grows: File .* cannot be written: the disk is full \(ENOSPC\)/,
    ),
    cause: expect.objectContaining({ code: 'LOG_FULL' }),
  })
  expect(existsSync(`${directory}/topics/t/0/compacting`)).toBe(false)
  failing = false
  const writer = log.openWriter()
  const to = await writer.openPartition('t', 0)
  const cleaned = failures(0)
  write(to, 'k', 'v'.repeat(2000))
  await writer.flush()
  await cleaned
  await log.close()
})
