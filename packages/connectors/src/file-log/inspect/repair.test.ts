import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log } from '@millrace/core'
import { MillraceError } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { withoutSyncs } from '../testing/unsynced-files.ts'
import type { LogProblem } from './problem.ts'
import { inspectPartition, repairPartition } from './repair-partition.ts'
import { verifyLog } from './verify-log.ts'

const env = withoutSyncs(nodeEnv())
let directory: string
let log: Log

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-repair-`)
  log = await openFileLog({ directory, env })
})

afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

const partition = (number = 0) => `${directory}/topics/t/${number}`
const segment = (base = 0, number = 0) => `${partition(number)}/${String(base).padStart(20, '0')}.log`
const repair = () => repairPartition(env, directory, 't', 0)

async function append(...batches: string[][]): Promise<void> {
  const writer = log.openWriter()
  const to = await writer.openPartition('t', 0)
  for (const values of batches) {
    for (const value of values) write(to, 'key', value)
    await writer.flush()
  }
  await writer.close()
}

/** What a newly opened log reads, each record as `<offset> <value>`, or the code of its error. */
async function read(number = 0): Promise<string[] | string> {
  const reopened = await openFileLog({ directory, env })
  try {
    const records = readAll(await reopened.openReader().assign('t', number, 0))
    return records.map(({ offset, value }) => `${offset} ${value}`)
  } catch (error) {
    if (error instanceof MillraceError) return error.code
    throw error
  } finally {
    await reopened.close()
  }
}

async function verify(): Promise<LogProblem[]> {
  const problems: LogProblem[] = []
  for await (const verified of verifyLog(env, directory, {})) problems.push(...verified.problems)
  return problems
}

/** Changes a byte of the first record with that value. */
function damage(path: string, value: string): void {
  const content = readFileSync(path)
  const at = content.indexOf(value)
  content[at] = (content[at] ?? 0) ^ 1
  writeFileSync(path, content)
}

describe('repair', () => {
  test('loses the batch that has the flipped byte, or nothing, whichever byte it is; appending continues', async () => {
    await log.admin.createTopic('t')
    await append(['a', 'b'], ['c', 'd'], ['e'], ['f', 'g'])
    await log.close()
    const content = readFileSync(segment())
    const tail = readFileSync(`${partition()}/tail`)
    const batches = [['0 a', '1 b'], ['2 c', '3 d'], ['4 e'], ['5 f', '6 g']]
    for (let at = 0; at < content.length; at++) {
      const flipped = Buffer.from(content)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      writeFileSync(segment(), flipped)
      writeFileSync(`${partition()}/tail`, tail)
      rmSync(`${directory}/damaged`, { recursive: true, force: true })
      const { plan } = await repair()
      const records = await read()
      const lost = plan.lost.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index))
      const left = batches.filter(([first = '']) => !lost.includes(Number.parseInt(first, 10)))
      expect(records, `byte ${at}`).toEqual(left.flat())
      expect(batches.length - left.length, `byte ${at}`).toBeLessThanOrEqual(1)
      expect(lost.length, `byte ${at}`).toBe(7 - left.flat().length)
      expect((await verify()).filter(({ severity }) => severity !== 'harmless')).toEqual([])
    }
    log = await openFileLog({ directory, env })
    await append(['next'])
    expect((await read()).at(-1)).toBe('7 next')
  })

  test('reports first what it would do, without a change', async () => {
    await log.admin.createTopic('t')
    await append(['a'], ['b'], ['c'])
    damage(segment(), 'b')
    const before = readFileSync(segment())
    expect(await inspectPartition(env, directory, 't', 0)).toMatchObject({ needed: true, lost: [{ from: 1, to: 2 }] })
    expect(readFileSync(segment())).toEqual(before)
    expect(readdirSync(directory)).not.toContain('damaged')
  })

  test('keeps every file as it was before it changes it, also when it is repaired twice', async () => {
    await log.admin.createTopic('t')
    await append(['a'], ['b'], ['c'])
    for (const [index, value] of ['b', 'c'].entries()) {
      damage(segment(), value)
      const before = readFileSync(segment())
      const { kept } = await repair()
      expect(kept).toHaveLength(2)
      expect(readFileSync(kept[0] ?? '')).toEqual(before)
      expect(kept[0]?.endsWith(index === 0 ? '.log' : '.log.2')).toBe(true)
    }
    expect(await read()).toEqual(['0 a'])
  })

  test('moves nothing, so that a process that has the partition open continues to read and append', async () => {
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    const to = await writer.openPartition('t', 0)
    for (const value of ['a', 'b', 'c']) {
      write(to, 'k', value)
      await writer.flush()
    }
    const reader = await log.openReader().assign('t', 0, 0)
    expect(reader.poll()?.baseOffset).toBe(0)
    const bytes = statSync(segment()).size
    damage(segment(), 'b')
    await repair()
    expect(statSync(segment()).size).toBe(bytes)
    write(to, 'k', 'd')
    await writer.flush()
    await writer.close()
    expect(await read()).toEqual(['0 a', '2 c', '3 d'])
  })

  test('fills what is missing: a segment, the end of one, the first, the last', async () => {
    const values = ['a', 'b', 'c', 'd'].map((value) => value.repeat(1100))
    const cases: [string, () => void, number][] = [
      ['a segment', () => rmSync(segment(1)), 1],
      ['the end of a segment', () => writeFileSync(segment(2), readFileSync(segment(2)).subarray(0, 700)), 2],
      ['all of a segment', () => writeFileSync(segment(2), ''), 2],
      ['the first segment', () => rmSync(segment(0)), 0],
      ['the end of the last', () => writeFileSync(segment(4), readFileSync(segment(4)).subarray(0, 90)), 5],
      ['the last', () => rmSync(segment(4)), 4],
    ]
    for (const [what, harm, lost] of cases) {
      await log.admin.createTopic('t', { segmentBytes: 1024 })
      await append(...values.map((value) => [value]), ['e'], ['f'])
      harm()
      expect(
        (await verify()).some(({ severity }) => severity === 'damage'),
        what,
      ).toBe(true)
      const { plan } = await repair()
      expect(plan.lost[0]?.from, what).toBe(lost)
      expect(
        (await verify()).filter(({ severity }) => severity !== 'harmless'),
        what,
      ).toEqual([])
      await append(['after'])
      const { start } = await log.admin.offsets('t', 0)
      expect(start, what).toBe(what === 'the first segment' ? 1 : 0)
      const records = readAll(await log.openReader().assign('t', 0, start))
      expect(
        records.map(({ offset }) => offset),
        what,
      ).not.toContain(lost)
      expect(records.at(-1), what).toMatchObject({ offset: 6, value: 'after' })
      await log.admin.deleteTopic('t')
    }
  })

  test('cuts off a torn append as the next one would', async () => {
    await log.admin.createTopic('t')
    await append(['a'])
    writeFileSync(segment(), Buffer.concat([readFileSync(segment()), Buffer.from('torn')]))
    expect((await repair()).plan.lost).toEqual([])
    expect(await verify()).toEqual([])
    expect(await read()).toEqual(['0 a'])
  })

  test('refuses while a job runs, a transactional writer is open, or a process appends', async () => {
    await log.admin.createTopic('t')
    await append(['a'], ['b'])
    damage(segment(), 'a')
    const claim = await log.claim('job')
    await expect(repair()).rejects.toMatchObject({ code: 'PARTITION_IN_USE' })
    await claim.release()
    const writer = await log.openTransactionalWriter('id')
    await expect(repair()).rejects.toMatchObject({ code: 'PARTITION_IN_USE' })
    await writer.close()
    const lock = env.files.open(`${partition()}/tail`, 'write')
    lock.tryLock()
    await expect(repair()).rejects.toMatchObject({ code: 'PARTITION_IN_USE' })
    lock.close()
    await repair()
    expect(await read()).toEqual(['1 b'])
  })

  test('refuses where bytes vanished in the middle, and changes nothing', async () => {
    await log.admin.createTopic('t')
    await append(['a'], ['b'], ['c'])
    const content = readFileSync(segment())
    const third = content.length / 3
    writeFileSync(segment(), Buffer.concat([content.subarray(0, third), content.subarray(2 * third)]))
    const before = readFileSync(segment())
    await expect(repair()).rejects.toThrow(/LOG_DAMAGED|no repair for that is known/)
    expect(readFileSync(segment())).toEqual(before)
  })
})

describe('repair of transactions', () => {
  /** Three transactions over both partitions, a record each; the second is aborted. */
  async function threeTransactions(): Promise<void> {
    await log.admin.createTopic('t', { partitions: 2 })
    const writer = await log.openTransactionalWriter('id')
    const to = [await writer.openPartition('t', 0), await writer.openPartition('t', 1)]
    for (const value of ['one', 'two', 'three', 'four']) {
      for (const each of to) write(each, 'k', value)
      if (value === 'two') {
        await writer.flush()
        await writer.abort()
      } else {
        await writer.commit([])
      }
    }
    await writer.close()
  }

  test('replaces a lost marker according to another partition, whichever batch is damaged', async () => {
    await threeTransactions()
    const whole = ['0 one', '4 three', '6 four']
    expect(await read(0)).toEqual(whole)
    await log.close()
    const content = readFileSync(segment())
    const tail = readFileSync(`${partition()}/tail`)
    for (let at = 0; at < content.length; at++) {
      const flipped = Buffer.from(content)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      writeFileSync(segment(), flipped)
      writeFileSync(`${partition()}/tail`, tail)
      rmSync(`${directory}/damaged`, { recursive: true, force: true })
      const { plan, markers } = await repair()
      const lost = plan.lost.map(({ from }) => `${from} `)
      const left = whole.filter((record) => !lost.some((offset) => record.startsWith(offset)))
      expect(await read(0), `byte ${at}`).toEqual(left)
      for (const { known } of markers) expect(known, `byte ${at}`).toBe(true)
      expect((await verify()).filter(({ severity }) => severity !== 'harmless')).toEqual([])
    }
    log = await openFileLog({ directory, env })
  })

  test('reports a transaction whose outcome is unknown, and counts it as aborted', async () => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const to = await writer.openPartition('t', 0)
    for (const value of ['one', 'two']) {
      write(to, 'k', value)
      await writer.commit([])
    }
    await writer.close()
    const starts: number[] = []
    const content = readFileSync(segment())
    for (let at = 0; at < content.length; at += content.readInt32BE(at + 8) + 12) starts.push(at)
    content[(starts[1] ?? 0) + 70] = 255
    writeFileSync(segment(), content)
    expect(await read()).toBe('LOG_DAMAGED')
    const { markers } = await repair()
    expect(markers).toMatchObject([{ firstOffset: 0, outcome: 'aborted', known: false }])
    expect(await read()).toEqual(['2 two'])
  })
})
