import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log } from '@millrace/core'
import { MillraceError } from '@millrace/core'
import { type ReadRecord, readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'
import { TopicStore } from './topic-store.ts'

let directory: string
let log: Log

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-damage-`)
  log = await open()
})

afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

const open = () => openFileLog({ directory, env: nodeEnv() })
const partition = () => `${directory}/topics/t/0`
const segment = (base = 0) => `${partition()}/${String(base).padStart(20, '0')}.log`

/** Appends each value as a separate batch. */
async function append(...values: string[]): Promise<void> {
  const writer = log.openWriter()
  const to = await writer.openPartition('t', 0)
  for (const value of values) {
    write(to, 'key', value)
    await writer.flush()
  }
  await writer.close()
}

/** What a newly opened log reads, or the code of its error. */
async function readAgain(): Promise<ReadRecord[] | string> {
  const reopened = await open()
  try {
    return readAll(await reopened.openReader().assign('t', 0, 0))
  } catch (error) {
    if (error instanceof MillraceError) return error.code
    throw error
  } finally {
    await reopened.close()
  }
}

describe('a torn append', () => {
  test('is cut off by the next process that opens the partition, at whichever byte it was torn', async () => {
    await log.admin.createTopic('t')
    await append('one', 'two')
    const whole = readFileSync(segment())
    const tail = readFileSync(`${partition()}/tail`)
    await append('three')
    const torn = readFileSync(segment())
    for (let bytes = whole.length; bytes < torn.length; bytes++) {
      writeFileSync(segment(), torn.subarray(0, bytes))
      writeFileSync(`${partition()}/tail`, tail)
      const records = await readAgain()
      expect(records, `torn at byte ${bytes}`).toHaveLength(2)
      await append('four')
      expect(await readAgain(), `torn at byte ${bytes}`).toMatchObject([
        { value: 'one', offset: 0 },
        { value: 'two', offset: 1 },
        { value: 'four', offset: 2 },
      ])
    }
  })

  test('that is whole is kept, because it may have been acknowledged', async () => {
    await log.admin.createTopic('t')
    await append('one')
    const tail = readFileSync(`${partition()}/tail`)
    await append('two')
    writeFileSync(`${partition()}/tail`, tail)
    expect(await readAgain()).toMatchObject([{ value: 'one' }, { value: 'two' }])
  })

  test('of zeros, as a power cut leaves them, is cut off', async () => {
    await log.admin.createTopic('t')
    await append('one')
    writeFileSync(segment(), Buffer.concat([readFileSync(segment()), Buffer.alloc(5000)]))
    expect(await readAgain()).toMatchObject([{ value: 'one' }])
  })
})

describe('a damaged segment', () => {
  test('is read up to the damage or refused, whichever bit is flipped, and never gives a wrong record', async () => {
    await log.admin.createTopic('t')
    await append('one', 'two', 'three')
    const whole = readFileSync(segment())
    const expected = readAll(await log.openReader().assign('t', 0, 0))
    let refused = 0
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      writeFileSync(segment(), flipped)
      const records = await readAgain()
      if (typeof records === 'string') {
        expect(records, `bit ${bit}`).toBe('LOG_DAMAGED')
        refused++
      } else {
        expect(records, `bit ${bit}`).toEqual(expected)
      }
    }
    // No checksum covers the leader epoch, four bytes in each batch, which means nothing here.
    expect(refused).toBe(whole.length * 8 - 3 * 32)
  })

  test('is refused if it is shorter than what was made durable', async () => {
    await log.admin.createTopic('t')
    await append('one', 'two')
    const whole = readFileSync(segment())
    writeFileSync(segment(), whole.subarray(0, whole.length - 1))
    expect(await readAgain()).toBe('LOG_DAMAGED')
    writeFileSync(segment(), '')
    expect(await readAgain()).toBe('LOG_DAMAGED')
  })

  test('names file, byte, offset, and the command that shows it', async () => {
    await log.admin.createTopic('t')
    await append('one', 'two')
    const whole = readFileSync(segment())
    whole[70] = (whole[70] ?? 0) ^ 1
    writeFileSync(segment(), whole)
    const reader = await log.openReader().assign('t', 0, 0)
    expect(() => reader.poll()).toThrow(/0{20}\.log is damaged at byte 0: .*checksum.* \(offset 0\).*Restore/)
    const behind = await log.openReader().assign('t', 0, 1)
    expect(() => behind.poll()).toThrow(`"millrace log dump t 0 --offset 1 --data ${directory}"`)
  })

  test('that is missing in the middle is refused', async () => {
    await log.admin.createTopic('t', { segmentBytes: 1024 })
    await append(...['a', 'b', 'c', 'd'].map((value) => value.repeat(1100)))
    rmSync(segment(1))
    expect(await readAgain()).toBe('LOG_DAMAGED')
  })
})

describe('files beside the segments', () => {
  test('the tail is created again from the segments, whichever of its bits is flipped', async () => {
    await log.admin.createTopic('t', { segmentBytes: 1024 })
    await append('one', 'x'.repeat(1100), 'three')
    const expected = readAll(await log.openReader().assign('t', 0, 0))
    const tail = readFileSync(`${partition()}/tail`)
    for (let bit = 0; bit < tail.length * 8; bit++) {
      const flipped = Buffer.from(tail)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      writeFileSync(`${partition()}/tail`, flipped)
      expect(await readAgain(), `bit ${bit}`).toEqual(expected)
    }
    writeFileSync(`${partition()}/tail`, '')
    expect(await readAgain()).toEqual(expected)
    rmSync(`${partition()}/tail`)
    expect(await readAgain()).toEqual(expected)
  })

  test('an index that is missing or wrong changes no answer', async () => {
    await log.admin.createTopic('t')
    const values = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(10_000))
    const writer = log.openWriter()
    const to = await writer.openPartition('t', 0)
    for (const [index, value] of values.entries()) {
      write(to, 'key', value, index * 10)
      await writer.flush()
    }
    const path = segment().replace('.log', '.index')
    const index = readFileSync(path)
    expect(index.length).toBeGreaterThan(32)
    const wrong = Buffer.from(index)
    index.copy(wrong, 0, 32, 64)
    for (const content of [index, Buffer.alloc(0), index.subarray(0, 40), wrong, Buffer.alloc(64, 255)]) {
      writeFileSync(path, content)
      for (const offset of [0, 7, 20, 39]) {
        const reader = await log.openReader().assign('t', 0, offset)
        expect(readAll(reader)[0]?.offset).toBe(offset)
        expect(await log.admin.offsetAt('t', 0, offset * 10 - 5)).toBe(offset)
      }
    }
    await writer.close()
  })
})

function attempt<T>(act: () => T): T | unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

test('a flipped bit never gives a topic other settings: they are refused, or what they were', async () => {
  const made = await log.admin.createTopic('t', { partitions: 2, retentionMs: 3_600_000 })
  const path = `${directory}/topics/t/topic.json`
  const whole = readFileSync(path)
  let refused = 0
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const damaged = Buffer.from(whole)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    writeFileSync(path, damaged)
    const topics = new TopicStore(nodeEnv(), directory)
    const answer = attempt(() => topics.describe('t'))
    if (answer instanceof MillraceError) refused++
    expect(answer, `bit ${bit}`).toEqual(
      answer instanceof MillraceError
        ? expect.objectContaining({ code: 'LOG_DAMAGED', place: { topic: 't', file: path } })
        : made,
    )
  }
  expect(refused).toBeGreaterThan(whole.length * 4)
})
