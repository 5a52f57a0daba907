import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { type Log, MillraceError } from '@millrace/core'
import { type ReadRecord, readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'
import { type Fault, withFaults } from './testing/faulty-files.ts'

const { CI, MILLRACE_TESTS, MILLRACE_CRASH } = process.env
const SAMPLED_EVERY = CI !== undefined || MILLRACE_TESTS === 'all' ? 2 : 6
/** Every how many calls to the disk one fails: each with `npm run crash`. */
const EVERY = MILLRACE_CRASH === 'all' ? 1 : SAMPLED_EVERY

let directory: string

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-faults-`)
})

afterEach(() => rmSync(directory, { recursive: true }))

const open = (fault: Fault = () => undefined) => openFileLog({ directory, env: withFaults(nodeEnv(), fault) })

function readTopic(log: Log, topic: string): Promise<ReadRecord[]> {
  return log
    .openReader()
    .assign(topic, 0, 0)
    .then((reader) => readAll(reader))
}

describe('a writer that could not write', () => {
  test('reports that the disk is full, and stops; another continues at the last acknowledged record', async () => {
    let full = false
    const log = await open((call, path) => (full && call === 'write' && path.endsWith('.log') ? 'ENOSPC' : undefined))
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    const to = await writer.openPartition('t', 0)
    write(to, 'k', 'acknowledged')
    await writer.flush()
    full = true
    write(to, 'k', 'lost')
    await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_FULL' })
    await expect(writer.flush()).rejects.toThrow(/disk is full \(ENOSPC\).*Free some space/)
    full = false
    await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_FULL' })
    expect(() => write(to, 'k', 'never')).toThrow(expect.objectContaining({ code: 'LOG_FULL' }))
    const next = log.openWriter()
    write(await next.openPartition('t', 0), 'k', 'after')
    await next.flush()
    expect((await readTopic(log, 't')).map(({ value }) => value)).toEqual(['acknowledged', 'after'])
    await log.close()
  })

  test('reports the failure also at the record that filled a batch', async () => {
    let full = false
    const log = await open((call, path) => (full && call === 'write' && path.endsWith('.log') ? 'EFBIG' : undefined))
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    const to = await writer.openPartition('t', 0)
    full = true
    const appendMany = () => {
      for (let index = 0; index < 10; index++) write(to, 'k', 'x'.repeat(300_000))
    }
    expect(appendMany).toThrow(expect.objectContaining({ code: 'LOG_FULL' }))
    full = false
    await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_FULL' })
    expect(await readTopic(log, 't')).toEqual([])
    await log.close()
  })

  test('never retries a sync that failed', async () => {
    let syncs = 0
    let broken = true
    const log = await open((call, path) => {
      if (!broken || call !== 'sync' || !path.endsWith('.log')) return undefined
      syncs++
      return 'EIO'
    })
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    write(await writer.openPartition('t', 0), 'k', 'v')
    await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
    await expect(writer.flush()).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
    expect(syncs).toBe(1)
    const changes = await log.openTransactionalWriter('w')
    const group = await changes.openGroup('t', 0)
    write(group, 'k', 'v')
    await expect(changes.commit([group])).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
    broken = false
    await expect(changes.commit([])).rejects.toMatchObject({ code: 'LOG_SYNC_FAILED' })
    await log.close()
  })
})

/** A short history of two topics: what was acknowledged, by topic, and what was in progress when a call failed. */
class History {
  readonly acknowledged = new Map<string, string[]>()
  #pending = new Map<string, string[]>()

  async run(log: Log): Promise<void> {
    await log.admin.createTopic('plain', { segmentBytes: 1024 })
    this.acknowledged.set('plain', [])
    await log.admin.createTopic('compact', { segmentBytes: 1024, cleanup: 'compact' })
    this.acknowledged.set('compact', [])
    const writer = log.openWriter()
    const plain = await writer.openPartition('plain', 0)
    const changes = await log.openTransactionalWriter('w')
    const compact = await changes.openGroup('compact', 0)
    for (let round = 0; round < 4; round++) {
      const value = `${round}`.padEnd(700, '.')
      this.#pending = new Map([['plain', [value]]])
      write(plain, 'k', value)
      await writer.flush()
      this.#settle()
      this.#pending = new Map([['compact', [value]]])
      write(compact, `k${round}`, value)
      write(compact, 'same', value)
      await changes.commit([compact])
      this.#settle()
    }
    await log.admin.clean('compact')
  }

  /** What may be in a topic: what was acknowledged, and perhaps what was in progress. */
  allowed(topic: string): string[][] {
    const known = this.acknowledged.get(topic) ?? []
    return [known, [...known, ...(this.#pending.get(topic) ?? [])]]
  }

  #settle(): void {
    for (const [topic, values] of this.#pending) this.acknowledged.get(topic)?.push(...values)
    this.#pending = new Map()
  }
}

test('whichever call to the disk fails, what was acknowledged is there afterwards, and nothing that was not written', async () => {
  let calls = 0
  const counting = await open(() => {
    calls++
    return undefined
  })
  await new History().run(counting)
  await counting.close()
  const all = calls
  expect(all).toBeGreaterThan(60)
  const first = 1 + Math.floor(Math.random() * EVERY)
  for (let failing = first; failing <= all; failing += EVERY) {
    rmSync(directory, { recursive: true })
    let count = 0
    const history = new History()
    const broken = await open(() => {
      count++
      return count === failing ? 'EIO' : undefined
    }).catch((error: unknown) => error)
    if (broken instanceof Error) {
      expect(broken, `call ${failing}`).toBeInstanceOf(MillraceError)
    } else {
      const log = broken as Log
      await history.run(log).catch((error: unknown) => error)
      await log.close().catch((error: unknown) => error)
    }
    const reopened = await open()
    for (const topic of history.acknowledged.keys()) {
      const records = await readTopic(reopened, topic)
      const values = records.filter(({ key }) => key !== 'same').map(({ value }) => value)
      expect(history.allowed(topic), `call ${failing}, topic ${topic}`).toContainEqual(values)
      const writer = reopened.openWriter()
      write(await writer.openPartition(topic, 0), 'end', 'end')
      await writer.flush()
      expect((await readTopic(reopened, topic)).at(-1)?.value, `call ${failing}, topic ${topic}`).toBe('end')
    }
    await reopened.close()
  }
})

test('whichever step of appending and beginning a segment a writer dies at, the others lose nothing', async () => {
  let crashes = 0
  for (let steps = 0; crashes === steps; steps++) {
    const topic = `t${steps}`
    const log = await open()
    await log.admin.createTopic(topic, { segmentBytes: 1024 })
    const writer = log.openWriter()
    const to = await writer.openPartition(topic, 0)
    write(to, 'live', '0')
    await writer.flush()

    // A dead process does none of its remaining steps.
    let left = steps
    let crashed = false
    let opened = false
    const failingLog = await open(() => {
      if (!opened || left-- > 0) return undefined
      crashed = true
      return 'EIO'
    })
    opened = true
    try {
      const failing = failingLog.openWriter()
      write(await failing.openPartition(topic, 0), 'doomed', 'x'.repeat(2000))
      await failing.flush()
    } catch (error) {
      if (!crashed) throw error
    }
    if (crashed) crashes++
    for (const value of ['1', '2', '3']) {
      write(to, 'live', value)
      await writer.flush()
    }

    const reopened = await open()
    const records = await readTopic(reopened, topic)
    const live = records.flatMap(({ key, value }) => (key === 'live' ? [value] : []))
    expect(live, `died after ${steps} steps`).toEqual(['0', '1', '2', '3'])
    expect(records.map(({ offset }) => offset)).toEqual([...records.keys()])
    for (const { offset } of records) {
      const rest = readAll(await reopened.openReader().assign(topic, 0, offset))
      expect(rest, `from ${offset}, died after ${steps} steps`).toEqual(records.slice(offset))
    }
    await reopened.close()
    await log.close()
  }
  expect(crashes).toBeGreaterThan(5)
})

test('a reader that cannot watch files notices appends by polling', async () => {
  const env = nodeEnv()
  const watch = () => {
    throw Object.assign(new Error('System limit for number of file watchers reached'), { code: 'ENOSPC' })
  }
  const log = await openFileLog({ directory, env: { ...env, files: { ...env.files, watch } } })
  await log.admin.createTopic('t')
  const reader = log.openReader()
  const partition = await reader.assign('t', 0, 0)
  const waiting = reader.wait(30_000)
  const writer = log.openWriter()
  write(await writer.openPartition('t', 0), 'key', 'value')
  await writer.flush()
  await waiting
  expect(partition.poll()?.nextOffset).toBe(1)
  await log.close()
})

test('a deletion whose process died is finished by the next process that opens the log', async () => {
  const log = await open()
  await log.admin.createTopic('t', { partitions: 2 })
  const writer = log.openWriter()
  const to = await writer.openPartition('t', 1)
  let renamed = false
  const failingLog = await open((call) => {
    if (call === 'rename') renamed = true
    return renamed && call !== 'rename' ? 'EIO' : undefined
  })
  await expect(failingLog.admin.deleteTopic('t')).rejects.toBeInstanceOf(MillraceError)
  const reopened = await open()
  expect(await reopened.admin.listTopics()).toEqual([])
  expect(readdirSync(`${directory}/topics`)).toEqual([])
  write(to, 'k', 'into nothing')
  await expect(writer.flush()).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  await reopened.close()
  await log.close()
})
