import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogProblem } from '@millrace/connectors/internal'
import { nodeEnv } from '@millrace/core/node'
import { levelDb } from '@millrace/state'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DataFolder } from '../testing/data-folder.ts'
import { checkDamage, type DamageFacts, readDamage } from './damage.ts'
import { checkLeftovers, readLeftovers } from './leftovers.ts'

const damage: LogProblem = {
  severity: 'damage',
  topic: 'orders',
  partition: 0,
  file: '/data/topics/orders/0/0.log',
  position: 10,
  end: 20,
  offset: 5,
  nextOffset: 7,
  what: 'the checksum is wrong',
}
const facts: DamageFacts = { data: '/data', full: false, partitions: 2, bytes: 0, problems: [], states: [], inUse: 0 }

describe('the files of the log', () => {
  test('without damage are fine, with what was read', () => {
    expect(checkDamage(facts)).toMatchObject([
      { status: 'ok', what: '2 partitions without damage (beginnings and ends read; --full reads all)' },
    ])
    expect(checkDamage({ ...facts, full: true, bytes: 2048 })[0]?.what).toContain('(all 2.0 KiB read)')
  })

  test('with damage are a problem that names the place and the commands for it', () => {
    expect(checkDamage({ ...facts, problems: [damage] })).toMatchObject([
      {
        status: 'problem',
        what: '/data/topics/orders/0/0.log, bytes 10 to 19, offsets 5 to 6: the checksum is wrong',
        where: '/data/topics/orders/0/0.log',
        advice: expect.stringContaining('"millrace log repair orders 0 --data /data"'),
      },
    ])
  })

  test('with much damage are five problems and one for the rest', () => {
    const problems = Array.from({ length: 8 }, () => damage)
    const found = checkDamage({ ...facts, problems })
    expect(found).toHaveLength(6)
    expect(found.at(-1)).toMatchObject({ status: 'problem', what: '3 other places in the log are damaged' })
  })

  test('with the traces of interrupted work are fine', () => {
    const problems: LogProblem[] = [
      { ...damage, severity: 'torn' },
      { ...damage, severity: 'harmless' },
    ]
    expect(checkDamage({ ...facts, problems })).toMatchObject([
      { status: 'ok', check: 'Log' },
      { status: 'ok', check: 'Interrupted work', what: expect.stringContaining('2 traces') },
    ])
  })
})

test('a damaged local state is a warning, since the job rebuilds it', () => {
  const states = [{ directory: '/data/state/a/0', damage: 'CURRENT: it names no manifest' }]
  expect(checkDamage({ ...facts, states })[1]).toMatchObject({ status: 'warning', where: '/data/state/a/0' })
  expect(
    checkDamage({ ...facts, states: [{ ...states[0], directory: '', damage: undefined }], inUse: 2 })[1],
  ).toMatchObject({
    status: 'ok',
    what: '1 state without damage; 2 in use, which the job itself checks',
  })
})

describe('a real log', () => {
  /** A topic with three batches, and the path of its only segment. */
  async function threeBatches(folder: DataFolder): Promise<string> {
    await folder.succeed(['topics', 'create', 'orders'])
    for (const value of ['first', 'second', 'third'])
      await folder.succeed(['topics', 'produce', 'orders'], `${value}\n`)
    return join(folder.data, 'topics/orders/0/00000000000000000000.log')
  }

  function changeByte(segment: string, value: string): void {
    const content = readFileSync(segment)
    const at = content.indexOf(value)
    content[at] = (content[at] ?? 0) ^ 1
    writeFileSync(segment, content)
  }

  const read = (data: string, full: boolean) => readDamage(nodeEnv(), data, full, () => undefined)

  test('is read in both ways', async () => {
    using folder = new DataFolder()
    await threeBatches(folder)
    expect(await read(folder.data, false)).toMatchObject({ partitions: 1, bytes: 0, problems: [] })
    expect(await read(folder.data, true)).toMatchObject({ partitions: 1, problems: [] })
  })

  test('with a damaged last batch is reported', async () => {
    using folder = new DataFolder()
    const file = await threeBatches(folder)
    changeByte(file, 'third')
    expect((await read(folder.data, false)).problems).toMatchObject([{ severity: 'damage', file, offset: 2 }])
  })

  test('with a segment that is too short, or missing, is reported', async () => {
    using folder = new DataFolder()
    const file = await threeBatches(folder)
    truncateSync(file, 100)
    expect((await read(folder.data, false)).problems).toMatchObject([{ severity: 'damage', file, offset: 1 }])
    rmSync(file)
    expect((await read(folder.data, false)).problems).toMatchObject([{ severity: 'damage', file, offset: 0 }])
  })

  test('with lost settings of a topic is reported', async () => {
    using folder = new DataFolder()
    await threeBatches(folder)
    rmSync(join(folder.data, 'topics/orders/topic.json'))
    expect((await read(folder.data, false)).problems).toMatchObject([{ severity: 'damage', topic: 'orders' }])
  })
})

describe('a real local state', () => {
  async function state(): Promise<{ readonly data: string; readonly directory: string }> {
    const data = mkdtempSync(join(tmpdir(), 'millrace-states-'))
    onTestFinished(() => rmSync(data, { recursive: true }))
    const directory = join(data, 'state/counting/counts-0')
    mkdirSync(join(data, 'topics'))
    mkdirSync(directory, { recursive: true })
    // The second open turns the log of the first into a table.
    for (let opens = 0; opens < 2; opens++) {
      const level = await levelDb.open(directory)
      const batch = level.batch()
      batch.put(Buffer.from(`key ${opens}`), Buffer.from('value'))
      await batch.write()
      await level.close()
    }
    return { data, directory }
  }

  const read = async (data: string, full: boolean) => (await readDamage(nodeEnv(), data, full, () => undefined)).states

  test('that is whole is fine', async () => {
    const { data, directory } = await state()
    expect(await read(data, false)).toEqual([{ directory, damage: undefined }])
    expect(await read(data, true)).toEqual([{ directory, damage: undefined }])
  })

  test('with a missing table is reported; a changed byte in it is found only if everything is read', async () => {
    const { data, directory } = await state()
    const table = join(directory, readdirSync(directory).find((name) => name.endsWith('.ldb')) ?? '')
    const content = readFileSync(table)
    content[10] = (content[10] ?? 0) ^ 1
    writeFileSync(table, content)
    expect(await read(data, false)).toMatchObject([{ damage: undefined }])
    expect(await read(data, true)).toMatchObject([{ damage: expect.stringContaining('.ldb') }])
    rmSync(table)
    expect(await read(data, false)).toMatchObject([{ damage: expect.stringContaining('it is missing') }])
  })

  test('that is open is not read', async () => {
    const { data, directory } = await state()
    const level = await levelDb.open(directory)
    onTestFinished(() => level.close())
    expect(await read(data, true)).toEqual([])
  })
})

describe('temporary files', () => {
  test('of processes that died are counted; those of the last minutes are in use', () => {
    const data = mkdtempSync(join(tmpdir(), 'millrace-leftovers-'))
    onTestFinished(() => rmSync(data, { recursive: true }))
    const old = join(data, 'topics/.making-1')
    mkdirSync(old, { recursive: true })
    writeFileSync(join(old, 'file'), 'four')
    writeFileSync(join(data, 'jobs@1.json.1.new'), '')
    writeFileSync(join(data, 'millrace.json'), '{}')
    const now = Date.now()
    utimesSync(old, now / 1000 - 3600, now / 1000 - 3600)
    expect(readLeftovers(data, now)).toEqual({ paths: [old], bytes: 4 })
    expect(checkLeftovers(readLeftovers(data, now))).toMatchObject([{ status: 'ok', where: old }])
  })

  test('are a warning if they are large, and nothing if there are none', () => {
    expect(checkLeftovers({ paths: [], bytes: 0 })).toEqual([])
    expect(checkLeftovers({ paths: ['/data/.making-1'], bytes: 101 * 1024 ** 2 })).toMatchObject([
      { status: 'warning', advice: expect.stringContaining('rm -r /data/.making-1') },
    ])
  })
})
