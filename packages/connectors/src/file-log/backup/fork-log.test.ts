import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Env, Log } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { forkLog } from './fork-log.ts'

let scratch: string
let data: string
let log: Log

beforeEach(async () => {
  scratch = mkdtempSync(`${tmpdir()}/millrace-fork-`)
  data = `${scratch}/data`
  log = await open(data)
})

afterEach(async () => {
  await log.close()
  rmSync(scratch, { recursive: true, force: true })
})

function open(directory: string, env: Env = nodeEnv()): Promise<Log> {
  return openFileLog({ directory, env })
}

async function openFork(directory: string): Promise<Log> {
  const opened = await open(directory)
  onTestFinished(() => opened.close())
  return opened
}

function fork(name: string, env: Env = nodeEnv()) {
  return forkLog({ env, data, target: join(scratch, name), clone: copyFileSync })
}

async function append(to: Log, topic: string, count: number): Promise<void> {
  const writer = to.openWriter()
  const partition = await writer.openPartition(topic, 0)
  for (let number = 0; number < count; number++) {
    write(partition, `k${number % 7}`, `${number}`.padEnd(100, '.'))
    await writer.flush()
  }
  await writer.close()
}

async function commit(to: Log, value: string): Promise<void> {
  const writer = await to.openTransactionalWriter('writer')
  for (const topic of ['t', 'u']) write(await writer.openPartition(topic, 0), 'k', value)
  await writer.commit([])
  await writer.close()
}

async function valuesIn(from: Log, topic: string): Promise<(string | null)[]> {
  const reader = from.openReader()
  const values = readAll(await reader.assign(topic, 0, 0)).map(({ value }) => value)
  await reader.close()
  return values
}

/** Every file of a directory with its bytes, and every directory. */
function contentOf(directory: string): Map<string, string | null> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()
  return new Map(
    names.map((name) => {
      const path = join(directory, name)
      return [name, statSync(path).isDirectory() ? null : readFileSync(path).toString('base64')]
    }),
  )
}

const partition = (directory: string, topic = 't') => join(directory, 'topics', topic, '0')

test('a fork holds what the log holds, and what is appended to one of them is not in the other', async () => {
  await log.admin.createTopic('t', { segmentBytes: 1024 })
  await append(log, 't', 60)
  const before = contentOf(data)
  const { topics, linkedBytes } = await fork('fork')
  expect(topics).toBe(1)
  expect(linkedBytes).toBeGreaterThan(4096)
  expect(contentOf(data)).toEqual(before)
  const forked = await openFork(join(scratch, 'fork'))
  const values = await valuesIn(log, 't')
  expect(await valuesIn(forked, 't')).toEqual(values)
  await append(forked, 't', 30)
  expect(contentOf(data)).toEqual(before)
  await append(log, 't', 20)
  expect(await valuesIn(forked, 't')).toHaveLength(90)
  expect(await valuesIn(log, 't')).toHaveLength(80)
})

test('a fork shares the closed segments with the log, and no other file', async () => {
  await log.admin.createTopic('t', { segmentBytes: 1024 })
  await append(log, 't', 60)
  await fork('fork')
  const isShared = (name: string) => {
    const place = (directory: string) => statSync(join(directory, name), { throwIfNoEntry: false })
    return place(data)?.isFile() === true && place(data)?.ino === place(join(scratch, 'fork'))?.ino
  }
  const shared = [...contentOf(data).keys()].filter(isShared)
  const segments = readdirSync(partition(data)).filter((name) => name.endsWith('.log'))
  expect(shared).toEqual(segments.slice(0, -1).map((name) => `topics/t/0/${name}`))
})

test('a topic that is compacted in a fork keeps its bytes in the log', async () => {
  await log.admin.createTopic('t', { segmentBytes: 1024, cleanup: 'compact' })
  await append(log, 't', 30)
  // The compaction in the background ends with the log.
  await log.close()
  const before = contentOf(data)
  await fork('fork')
  const forked = await open(join(scratch, 'fork'))
  await append(forked, 't', 60)
  await forked.close()
  const names = readdirSync(partition(join(scratch, 'fork')))
  expect(names.filter((name) => name.endsWith('.log'))[0]).not.toBe(readdirSync(partition(data))[1])
  expect(contentOf(data)).toEqual(before)
})

test('a transaction that is open when a fork is made is not in the fork, and can be committed in the log', async () => {
  for (const topic of ['t', 'u']) await log.admin.createTopic(topic)
  await commit(log, 'before')
  const writer = await log.openTransactionalWriter('writer')
  for (const topic of ['t', 'u']) write(await writer.openPartition(topic, 0), 'k', 'open')
  await writer.flush()
  await fork('fork')
  await writer.commit([])
  await writer.close()
  const forked = await openFork(join(scratch, 'fork'))
  await commit(forked, 'in the fork')
  for (const topic of ['t', 'u']) {
    expect(await valuesIn(forked, topic)).toEqual(['before', 'in the fork'])
    expect(await valuesIn(log, topic)).toEqual(['before', 'open'])
  }
})

test('a fork made while transactions are committed has each of them in all partitions, or in none', async () => {
  for (const topic of ['t', 'u']) await log.admin.createTopic(topic, { segmentBytes: 1024 })
  const stop = new AbortController()
  const writing = (async () => {
    for (let number = 0; !stop.signal.aborted; number++) await commit(log, `${number}`.padEnd(100, '.'))
  })()
  const lengths: number[] = []
  for (let number = 0; number < 8; number++) {
    await fork(`fork-${number}`)
    const forked = await openFork(join(scratch, `fork-${number}`))
    const [inT, inU] = [await valuesIn(forked, 't'), await valuesIn(forked, 'u')]
    expect(inT).toEqual(inU)
    lengths.push(inT.length)
  }
  stop.abort()
  await writing
  expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
  expect(lengths.at(-1)).toBeGreaterThan(lengths[0] ?? 0)
  expect(await valuesIn(log, 't')).toEqual(await valuesIn(log, 'u'))
})

test('what a dead writer left is recovered in a fork, and stays in the log as it is', async () => {
  await log.admin.createTopic('t', { segmentBytes: 1024 })
  await append(log, 't', 30)
  const [last = ''] = readdirSync(partition(data))
    .filter((name) => name.endsWith('.log'))
    .reverse()
  appendFileSync(join(partition(data), last), 'torn')
  const env = nodeEnv()
  const anotherBoot: Env = { ...env, files: Object.assign(Object.create(env.files), { boot: 'another' }) }
  for (const [name, chosen] of [
    ['torn', env],
    ['boot', anotherBoot],
  ] as const) {
    const before = contentOf(data)
    await fork(name, chosen)
    const forked = await open(join(scratch, name), chosen)
    onTestFinished(() => forked.close())
    await append(forked, 't', 5)
    expect(await valuesIn(forked, 't')).toHaveLength(35)
    expect(contentOf(data)).toEqual(before)
  }
})

test('a fork of a directory that is not a data directory is refused, and nothing is made there', async () => {
  const other = join(scratch, 'other')
  mkdirSync(other)
  for (const directory of [other, join(scratch, 'missing')]) {
    const forking = forkLog({ env: nodeEnv(), data: directory, target: join(scratch, 'fork'), clone: copyFileSync })
    await expect(forking).rejects.toMatchObject({ code: 'FILE_MISSING' })
  }
  expect(readdirSync(scratch).sort()).toEqual(['data', 'other'])
  expect(readdirSync(other)).toEqual([])
})
