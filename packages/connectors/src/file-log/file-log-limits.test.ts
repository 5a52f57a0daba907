import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type Env, type FileSystem, type Log, string } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'
import { PartitionFiles } from './partition/partition-files.ts'

const MIB = 1024 * 1024
/** A record of slightly less than 1 MiB, the largest that a topic accepts by default. */
const LARGE = 'x'.repeat(MIB - 100)

let directory: string
let log: Log
const reads: number[] = []

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-limits-`)
  reads.length = 0
  log = await openFileLog({ directory, env: watchingReads(nodeEnv()), durability: 'os' })
  await log.admin.createTopic('t')
})

afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

/** Notes how many bytes each read of a segment requests. */
function watchingReads(env: Env): Env {
  const open: FileSystem['open'] = (path, mode) => {
    const file = env.files.open(path, mode)
    if (!path.endsWith('.log')) return file
    return new Proxy(file, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          if (name === 'read') reads.push(Number(args[2]))
          return value.apply(target, args)
        }
      },
    })
  }
  const files = new Proxy(env.files, {
    get: (target, name) => {
      const value: unknown = name === 'open' ? open : Reflect.get(target, name)
      return typeof value === 'function' && name !== 'open' ? value.bind(target) : value
    },
  })
  return { ...env, files }
}

describe('a writer whose batches wait', () => {
  test.each(['plain', 'transactional'])('requests a flush past 16 MiB: %s', async (kind) => {
    const writer = kind === 'plain' ? log.openWriter() : await log.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    // Another process appends: full batches wait for the lock.
    const other = new PartitionFiles(nodeEnv().files, directory, 't', 0)
    await other.lock()
    for (let record = 0; record < 16; record++) write(partition, 'k', LARGE)
    expect(writer.backlogged).toBe(false)
    // The batch that is still being filled does not count: two records of this size.
    for (let record = 0; record < 3; record++) write(partition, 'k', LARGE)
    expect(writer.backlogged).toBe(true)
    other.unlock()
    await writer.flush()
    expect(writer.backlogged).toBe(false)
    await writer.close()
    other.close()
  })
})

async function fill(values: Iterable<string>): Promise<void> {
  const writer = log.openWriter()
  const partition = await writer.openPartition('t', 0)
  for (const value of values) {
    write(partition, 'k', value)
    await writer.flush()
  }
  await writer.close()
}

describe('a reader', () => {
  test('reads larger and larger pieces as it continues, up to 4 MiB', async () => {
    await fill(Array(60).fill('x'.repeat(MIB / 4)))
    reads.length = 0
    const reader = log.openReader()
    expect(readAll(await reader.assign('t', 0, 0))).toHaveLength(60)
    await reader.close()
    expect(Math.max(...reads)).toBe(4 * MIB)
  })

  test('finds an offset without reading the segment up to there', async () => {
    await fill(Array(60).fill('x'.repeat(MIB / 4)))
    reads.length = 0
    const reader = log.openReader()
    const last = await reader.assign('t', 0, 59)
    expect(last.poll()?.baseOffset).toBe(59)
    await reader.close()
    expect(reads.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(2 * MIB)
  })
})

test('the index of a closed segment is created again if it ends more than 1 MiB before the segment does', async () => {
  await log.admin.createTopic('closed', { segmentBytes: 2 * MIB })
  const writer = log.openWriter()
  const partition = await writer.openPartition('closed', 0)
  for (let batch = 0; batch < 12; batch++) {
    write(partition, 'k', 'x'.repeat(MIB / 4), batch)
    await writer.flush()
  }
  await writer.close()
  const index = `${directory}/topics/closed/0/${'0'.repeat(20)}.index`
  truncateSync(index)
  expect(await log.admin.offsetAt('closed', 0, 3)).toBe(3)
  expect(statSync(index).size).toBeGreaterThan(0)
})

test('one partition takes 256 open transactions, and more once some of them are over', async () => {
  const begin = async (id: number) => {
    const writer = await log.openTransactionalWriter(`id-${id}`)
    const partition = await writer.openPartition('t', 0)
    partition.append(0, null, 0, 0, `${id}`, string(), [])
    return writer
  }
  const writers = []
  for (let id = 0; id < 256; id++) {
    const writer = await begin(id)
    await writer.flush()
    writers.push(writer)
  }
  const refused = await begin(256)
  await expect(refused.flush()).rejects.toMatchObject({
    code: 'TOO_MANY_TRANSACTIONS',
    place: { topic: 't', partition: 0 },
  })
  await writers[7]?.commit([])
  const taken = await begin(257)
  await taken.flush()
  await taken.commit([])
  for (const writer of writers) await writer.close()
  await taken.close()
  await refused.close().catch(() => undefined)
})
