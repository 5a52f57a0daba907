import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { bytes, type FileSystem, type Log, NO_HEADERS, type OpenFile } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { setBaseOffset } from '../../record-batch/batch-builder.ts'
import { emptyBatch } from '../../record-batch/filter-batch.ts'
import { openFileLog } from '../file-log.ts'
import { changedFile } from '../testing/changed-file.ts'
import { dumpPartition } from './dump-partition.ts'
import type { LogProblem } from './problem.ts'
import { type Verification, verifyLog } from './verify-log.ts'

const env = nodeEnv()
let directory: string
let log: Log

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-inspect-`)
  log = await openFileLog({ directory, env })
})

afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

const partition = () => `${directory}/topics/t/0`
const segment = (base = 0) => `${partition()}/${String(base).padStart(20, '0')}.log`

/** Appends one batch for each list of records. */
async function append(...batches: string[][]): Promise<void> {
  const writer = log.openWriter()
  const to = await writer.openPartition('t', 0)
  for (const values of batches) {
    for (const value of values) write(to, 'key', value)
    await writer.flush()
  }
  await writer.close()
}

async function verify(wanted: Verification = {}): Promise<LogProblem[]> {
  const problems: LogProblem[] = []
  for await (const verified of verifyLog(env, directory, wanted)) problems.push(...verified.problems)
  return problems
}

/** The offsets of every whole batch and of every damaged place. */
async function dump(offset = 0): Promise<{ readonly whole: number[][]; readonly damaged: (number | undefined)[][] }> {
  const whole: number[][] = []
  const damaged: (number | undefined)[][] = []
  for await (const each of dumpPartition(env, directory, 't', 0, offset)) {
    if (each.kind === 'batch') whole.push([each.baseOffset, each.nextOffset])
    else damaged.push([each.offset, each.nextOffset])
  }
  return { whole, damaged }
}

/** Calls `each` with every byte of a segment flipped, one at a time; restores the segment afterwards. */
async function flipped(base: number, each: (at: number) => Promise<void>): Promise<void> {
  const content = readFileSync(segment(base))
  for (let at = 0; at < content.length; at++) {
    const damaged = Buffer.from(content)
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8))
    writeFileSync(segment(base), damaged)
    await each(at)
  }
  writeFileSync(segment(base), content)
}

/** A file whose size can be read, but not its content. */
function unreadable(file: OpenFile): OpenFile {
  return changedFile(file, {
    read: () => {
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
    },
  })
}

const LEADER_EPOCH = [12, 13, 14, 15]

describe('verify', () => {
  test('finds nothing in a log that is whole, and changes nothing', async () => {
    await log.admin.createTopic('t', { segmentBytes: 1024, partitions: 2 })
    await append(['a', 'b'], ['x'.repeat(2000)], ['c'])
    const before = readdirSync(partition()).map((name) => readFileSync(`${partition()}/${name}`))
    expect(await verify()).toEqual([])
    expect(readdirSync(partition()).map((name) => readFileSync(`${partition()}/${name}`))).toEqual(before)
  })

  test('finds every flipped byte of a segment, at the batch that it is in, and no other damage', async () => {
    await log.admin.createTopic('t')
    await append(['a', 'b'], ['c', 'd'], ['e'])
    const starts: number[] = []
    for await (const each of dumpPartition(env, directory, 't', 0, 0)) starts.push(each.position)
    await flipped(0, async (at) => {
      const problems = await verify()
      const start = starts.findLast((position) => position <= at) ?? -1
      expect(problems, `byte ${at}`).toHaveLength(1)
      const inEpoch = LEADER_EPOCH.includes(at - start)
      const place = inEpoch ? { severity: 'harmless', position: start + 12 } : { severity: 'damage', position: start }
      expect(problems[0], `byte ${at}`).toMatchObject({ topic: 't', partition: 0, file: segment(), ...place })
    })
  })

  test('distinguishes a torn append from damage, at whichever byte it was torn', async () => {
    await log.admin.createTopic('t')
    await append(['a'])
    const tail = readFileSync(`${partition()}/tail`)
    const whole = statSync(segment()).size
    await append(['b', 'c'])
    const torn = readFileSync(segment())
    writeFileSync(`${partition()}/tail`, tail)
    for (let bytes = whole + 1; bytes < torn.length; bytes++) {
      writeFileSync(segment(), torn.subarray(0, bytes))
      expect(await verify(), `torn at ${bytes}`).toMatchObject([{ severity: 'torn', position: whole, end: bytes }])
    }
  })

  test('does not report an append under way as torn', async () => {
    await log.admin.createTopic('t')
    await append(['a'])
    writeFileSync(segment(), Buffer.concat([readFileSync(segment()), Buffer.from('half a batch')]))
    const appender = env.files.open(`${partition()}/tail`, 'write')
    appender.tryLock()
    expect(await verify()).toEqual([])
    appender.close()
    expect(await verify()).toMatchObject([{ severity: 'torn' }])
  })

  test('finds what is missing: a segment, its end, the partition, the settings', async () => {
    await log.admin.createTopic('t', { segmentBytes: 1024 })
    await append(...['a', 'b', 'c', 'd'].map((value) => [value.repeat(1100)]))
    const missing = async (path: string, damage: () => void) => {
      const content = readFileSync(path)
      damage()
      const problems = await verify()
      writeFileSync(path, content)
      return problems.filter(({ severity }) => severity === 'damage')
    }
    const gone = (path: string) => missing(path, () => rmSync(path))
    expect(await gone(segment(1))).toMatchObject([{ file: segment(0), offset: 1, nextOffset: 2 }])
    expect(await gone(segment(0))).toMatchObject([{ file: segment(1), offset: 0, nextOffset: 1 }])
    const half = await missing(segment(2), () => writeFileSync(segment(2), readFileSync(segment(2)).subarray(0, 500)))
    expect(half).toMatchObject([{ file: segment(2), position: 0, end: 500, offset: 2, nextOffset: 3 }])
    expect(await gone(`${directory}/topics/t/topic.json`)).toMatchObject([{ file: `${directory}/topics/t/topic.json` }])
    expect(await verify()).toEqual([])
    rmSync(partition(), { recursive: true })
    expect(await verify()).toMatchObject([{ severity: 'damage', file: partition() }])
  })

  test('reports a damaged tail or index as harmless: it is rebuilt, or skipped', async () => {
    await log.admin.createTopic('t')
    await append(...Array.from({ length: 20 }, (_, index) => [`${index}`.padEnd(10_000)]))
    for (const path of [`${partition()}/tail`, segment().replace('.log', '.index')]) {
      const content = readFileSync(path)
      const damaged = Buffer.from(content)
      damaged[20] = (damaged[20] ?? 0) ^ 1
      writeFileSync(path, damaged)
      expect((await verify()).map(({ severity, file }) => [severity, file])).toContainEqual(['harmless', path])
      expect((await verify()).filter(({ severity }) => severity === 'damage')).toEqual([])
      writeFileSync(path, content)
    }
    expect(await verify()).toEqual([])
  })

  test('finds nothing while another process appends and begins segments, and others are compacted', async () => {
    await log.admin.createTopic('t', { segmentBytes: 2000, cleanup: 'compact' })
    const program = fileURLToPath(new URL('../testing/append-process.ts', import.meta.url))
    const args = ['--conditions=millrace-source', program, directory, 't', 'name', '0', '5']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    const out = child.stdout[Symbol.asyncIterator]()
    let segments = 0
    for (let looks = 0; looks < 60; looks++) {
      await out.next()
      for await (const verified of verifyLog(env, directory, {})) {
        expect(verified.problems.filter(({ severity }) => severity !== 'harmless')).toEqual([])
        if (verified.kind === 'partition') segments = Math.max(segments, verified.segments)
      }
    }
    child.kill('SIGKILL')
    await exited
    expect(segments).toBeGreaterThan(2)
  })

  test('looks again if retention deletes a segment during the check', async () => {
    await log.admin.createTopic('t', { segmentBytes: 1024 })
    await append(...['a', 'b', 'c'].map((value) => [value.repeat(1100)]))
    const before = [segment(0), `${partition()}/tail`].map((path) => ({ path, content: readFileSync(path) }))
    await log.admin.purge('t', 0, 1)
    const after = readFileSync(`${partition()}/tail`)
    for (const { path, content } of before) writeFileSync(path, content)
    const open: FileSystem['open'] = (path, mode) => {
      if (path === segment(0)) {
        writeFileSync(`${partition()}/tail`, after)
        rmSync(path, { force: true })
      }
      return env.files.open(path, mode)
    }
    const found: LogProblem[] = []
    for await (const { problems } of verifyLog({ ...env, files: { ...env.files, open } }, directory, {}))
      found.push(...problems)
    expect(found).toEqual([])
  })

  test('reports a file that cannot be read', async () => {
    await log.admin.createTopic('t')
    await append(['a'])
    const open: FileSystem['open'] = (path, mode) => {
      const file = env.files.open(path, mode)
      return path === segment() ? unreadable(file) : file
    }
    const found: LogProblem[] = []
    for await (const { problems } of verifyLog({ ...env, files: { ...env.files, open } }, directory, {}))
      found.push(...problems)
    expect(found).toMatchObject([{ severity: 'damage', file: segment(), what: expect.stringContaining('EIO') }])
  })

  test('after a power cut reports only what was not synced as torn, though whole batches follow', async () => {
    await log.admin.createTopic('t')
    await append(['a'])
    const synced = statSync(segment()).size
    const tail = readFileSync(`${partition()}/tail`)
    await append(['b'], ['c'])
    const content = readFileSync(segment())
    const flippedAt = (at: number) => {
      const damaged = Buffer.from(content)
      damaged[at] = (damaged[at] ?? 0) ^ 1
      writeFileSync(segment(), damaged)
    }
    const boot = { ...env, files: { ...env.files, boot: 'the next' } }
    const after = async () => {
      const found: LogProblem[] = []
      for await (const { problems } of verifyLog(boot, directory, {})) found.push(...problems)
      return found
    }
    expect(await after()).toEqual([])
    writeFileSync(`${partition()}/tail`, tail)
    flippedAt(synced + 65)
    expect(await after()).toMatchObject([{ severity: 'torn', position: synced, end: content.length }])
    flippedAt(65)
    expect(await after()).toMatchObject([{ severity: 'damage', position: 0, offset: 0, nextOffset: 1 }])
  })

  test('reports that the marker of a transaction that is over is missing', async () => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    const to = await writer.openPartition('t', 0)
    for (const value of ['one', 'two']) {
      write(to, 'k', value)
      await writer.commit([])
    }
    await writer.close()
    expect(await verify()).toEqual([])
    const content = readFileSync(segment())
    const at = content.readInt32BE(8) + 12
    emptyBatch(1, 2, content.readInt32BE(at + 8) + 12).copy(content, at)
    writeFileSync(segment(), content)
    expect(await verify()).toMatchObject([
      { severity: 'damage', position: 0, offset: 0, what: expect.stringMatching(/^no marker/) },
    ])
  })

  test('distinguishes a journal with one whole record from one without any', async () => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('id')
    for (let count = 0; count < 2; count++) {
      write(await writer.openPartition('t', 0), 'k', 'value')
      await writer.commit([])
    }
    const [name] = readdirSync(`${directory}/transactions`).filter((each) => each.startsWith('id@'))
    const path = `${directory}/transactions/${name}`
    const content = readFileSync(path)
    const second = 1024 * 1024
    expect(content.length).toBeGreaterThan(second)
    expect(await verify()).toEqual([])
    content[40] = (content[40] ?? 0) ^ 1
    writeFileSync(path, content)
    expect(await verify()).toMatchObject([{ severity: 'torn', file: path, position: 0 }])
    content[second + 40] = (content[second + 40] ?? 0) ^ 1
    writeFileSync(path, content)
    expect(await verify()).toMatchObject([
      { severity: 'damage', file: path, position: 0 },
      { severity: 'damage', file: path, position: second },
    ])
  })

  test('refuses a topic or a partition that is not there', async () => {
    await log.admin.createTopic('t')
    await expect(verify({ topic: 'u' })).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
    await expect(verify({ topic: 't', partition: 1 })).rejects.toMatchObject({ code: 'PARTITION_MISSING' })
  })
})

describe('dump', () => {
  test('continues past a flipped byte with the next batch, whichever byte it is', async () => {
    await log.admin.createTopic('t')
    const batches = [['a', 'b'], ['c', 'd'], ['e'], ['f', 'g', 'h']]
    await append(...batches)
    const all = (await dump()).whole
    expect(all).toEqual([
      [0, 2],
      [2, 4],
      [4, 5],
      [5, 8],
    ])
    await flipped(0, async (at) => {
      const { whole, damaged } = await dump()
      const lost = all.filter(([base]) => !whole.some(([other]) => other === base))
      expect(
        [...whole, ...lost].toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0)),
        `byte ${at}`,
      ).toEqual(all)
      expect(lost.length, `byte ${at}`).toBeLessThanOrEqual(1)
      expect(
        damaged.map(([offset]) => offset),
        `byte ${at}`,
      ).toEqual(lost.map(([base]) => base))
    })
  })

  test.each([
    // Header and content agree where the next batch is, whatever the content looks like.
    { what: 'the content of a batch', at: 65, inner: 2 },
    // The header is useless here: a batch counts only if it leads to the next one.
    { what: 'the length of a batch', at: 9, inner: 1 },
  ])('does not mistake batches inside a record for batches of the log: damage in $what', async ({ at, inner }) => {
    await log.admin.createTopic('t')
    await append(['a'], ['b'])
    const content = readFileSync(segment())
    const held = Array.from({ length: inner }, (_, index) => {
      const batch = Buffer.from(content.subarray(content.length / 2))
      // As if they were the batches that follow the one that contains them.
      setBaseOffset(batch, 4 + index)
      return batch
    })
    const writer = log.openWriter()
    const to = await writer.openPartition('t', 0)
    write(to, 'key', 'before')
    to.append(1, null, 0, 0, Buffer.concat(held), bytes(), NO_HEADERS)
    await writer.flush()
    await writer.close()
    await append(['after'], ['last'])
    const damaged = readFileSync(segment())
    damaged[content.length + at] = (damaged[content.length + at] ?? 0) ^ 64
    writeFileSync(segment(), damaged)
    expect(await dump()).toEqual({
      whole: [
        [0, 1],
        [1, 2],
        [4, 5],
        [5, 6],
      ],
      damaged: [[2, 4]],
    })
  })

  test('begins with the batch that holds an offset', async () => {
    await log.admin.createTopic('t', { segmentBytes: 1024 })
    await append(['a', 'b'], ['x'.repeat(1500)], ['c', 'd'], ['e'])
    expect((await dump(4)).whole).toEqual([
      [3, 5],
      [5, 6],
    ])
    const offsets: number[] = []
    for await (const each of dumpPartition(env, directory, 't', 0, 4)) {
      if (each.kind === 'batch') while (each.cursor.next()) offsets.push(each.cursor.offset)
    }
    expect(offsets).toEqual([4, 5])
  })
})
