import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFileLog } from '@millrace/connectors/file'
import { repairPartition } from '@millrace/connectors/internal'
import type { Header, Log } from '@millrace/core'
import { type ReadRecord, readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dumpLogSegments, whyNoKafka } from './kafka/dump-log-segments.ts'

/** A JVM starts a few times slower on a machine that is busy with other tests. */
const JVM_TIMEOUT_MS = 120_000

const missing = whyNoKafka()
let directory = ''
let log: Log
/** How far the log's wall clock is ahead. */
let aheadMs = 0

beforeEach(async (context) => {
  if (missing !== undefined) {
    if (process.env['CI'] !== undefined) throw new Error(`CI must have Kafka's tools: ${missing}`)
    context.skip(missing)
  }
  directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  aheadMs = 0
  const { clock, ...env } = nodeEnv()
  const ahead = { now: () => clock.now() + aheadMs, monotonic: () => clock.monotonic() }
  log = await openFileLog({ directory, env: { ...env, clock: ahead } })
})

afterEach(async () => {
  if (directory === '') return
  await log.close()
  rmSync(directory, { recursive: true, force: true })
})

function segments(topic: string): string[] {
  const partition = join(directory, 'topics', topic, '0')
  const names = readdirSync(partition).filter((name) => name.endsWith('.log'))
  return names.sort().map((name) => join(partition, name))
}

async function read(topic: string): Promise<ReadRecord[]> {
  return readAll(await log.openReader().assign(topic, 0, 0))
}

/** Records as the tool can print them. */
function printed(records: readonly ReadRecord[]) {
  return records.map(({ headers, ...record }) => ({ ...record, headers: headers.map(([name]) => name) }))
}

describe("kafka.tools.DumpLogSegments, from Kafka's own jars,", { timeout: JVM_TIMEOUT_MS }, () => {
  test('reads what we wrote: many segments, tombstones, headers, records without a key', async () => {
    await log.admin.createTopic('t', { segmentBytes: 20_000 })
    const writer = log.openWriter()
    const partition = await writer.openPartition('t', 0)
    const headers: Header[] = [
      ['m', new Uint8Array([1, 2, 3])],
      ['größe', null],
    ]
    for (let index = 0; index < 2_000; index++) {
      // Lengths around the limits of one and two bytes, times in both directions.
      const value = 'ü'.repeat(index % 200)
      const at = 1_000_000_000_000 + ((index * 7919) % 10_000_000)
      write(partition, `k${index % 97}`, index % 11 === 0 ? null : value, at, index % 5 === 0 ? headers : [])
      if (index % 13 === 0) write(partition, null, 'no key', 0)
      if (index % 17 === 0) write(partition, '', '', 2 ** 51)
      if (index % 100 === 99) await writer.flush()
    }
    await writer.flush()
    const dump = dumpLogSegments(segments('t'))
    expect(segments('t').length).toBeGreaterThan(3)
    expect(dump.complaints).toEqual([])
    expect(dump.batches.filter(({ valid }) => !valid)).toEqual([])
    expect(dump.records).toEqual(printed(await read('t')))
  })

  test('reads a group of more records and bytes than one batch holds as a run of batches', async () => {
    await log.admin.createTopic('t')
    const writer = await log.openTransactionalWriter('w')
    const group = await writer.openGroup('t', 0)
    for (let index = 0; index < 12_000; index++) write(group, `k${index}`, 'x'.repeat(600), index)
    await writer.commit([group])
    const dump = dumpLogSegments(segments('t'))
    expect(dump.complaints).toEqual([])
    expect(dump.batches.filter(({ valid }) => !valid)).toEqual([])
    const [marker, ...run] = dump.batches.toReversed()
    expect(marker).toMatchObject({ baseOffset: 12_000, lastOffset: 12_000, count: 1 })
    expect(run.length).toBeGreaterThan(1)
    expect(run.reduce((sum, { count }) => sum + count, 0)).toBe(12_000)
    expect(dump.markers).toEqual(['COMMIT'])
    expect(dump.records).toEqual(printed(await read('t')))
  })

  test('reads what compaction left, at the same offsets', async () => {
    await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 4_000 })
    const writer = log.openWriter()
    const partition = await writer.openPartition('t', 0)
    for (let index = 0; index < 500; index++) {
      write(partition, `k${(index * 7) % 31}`, `v${index}`, index)
      if (index % 20 === 19) await writer.flush()
    }
    await log.admin.clean('t')
    const dump = dumpLogSegments(segments('t'))
    const records = await read('t')
    expect(records.length).toBeLessThan(400)
    expect(dump.complaints).toEqual([])
    expect(dump.batches.filter(({ valid }) => !valid)).toEqual([])
    expect(dump.records).toEqual(printed(records))
  })

  test('reads batches with a delete horizon, and those whose tombstones are gone: every time is the one written', async () => {
    await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 1_024 })
    const writer = log.openWriter()
    const partition = await writer.openPartition('t', 0)
    const fill = async (from: number) => {
      for (let index = from; index < from + 200; index++) {
        const at = index % 3 === 0 ? 2 ** 51 : 978_307_200_000 + index
        write(partition, `k${from} ${index % 83}`, index % 2 === 0 ? null : `v${index}`, at)
        if (index % 20 === 19) await writer.flush()
      }
      await log.admin.clean('t')
    }
    await fill(0)
    aheadMs += 25 * 3_600_000
    await fill(200)
    const dump = dumpLogSegments(segments('t'))
    expect(dump.complaints).toEqual([])
    expect(dump.batches.filter(({ valid }) => !valid)).toEqual([])
    const horizons = new Set(dump.batches.map(({ deleteHorizonMs }) => deleteHorizonMs))
    expect(horizons).toContain(0)
    expect(Math.max(...[...horizons].map((horizon) => horizon ?? 0))).toBeGreaterThan(Date.now() + aheadMs)
    expect(dump.records).toEqual(printed(await read('t')))
  })

  test('reads what a repair left, at the same offsets', async () => {
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    const partition = await writer.openPartition('t', 0)
    for (const value of ['first', 'damaged', 'last']) {
      write(partition, 'key', value)
      await writer.flush()
    }
    await writer.close()
    const [file = ''] = segments('t')
    const bytes = readFileSync(file)
    bytes.write('D', bytes.indexOf('damaged'))
    writeFileSync(file, bytes)
    expect((await repairPartition(nodeEnv(), directory, 't', 0)).plan.lost).toEqual([{ from: 1, to: 2 }])
    const dump = dumpLogSegments(segments('t'))
    expect(dump.complaints).toEqual([])
    expect(dump.batches).toMatchObject([
      { count: 1 },
      { baseOffset: 1, lastOffset: 1, count: 0, valid: true },
      { count: 1 },
    ])
    expect(dump.records).toEqual(printed(await read('t')))
    expect(dump.records.map(({ value }) => value)).toEqual(['first', 'last'])
  })

  test('detects a flipped bit, so that its approval means something', async () => {
    await log.admin.createTopic('t')
    const writer = log.openWriter()
    write(await writer.openPartition('t', 0), 'key', 'value')
    await writer.flush()
    const [file = ''] = segments('t')
    const bytes = readFileSync(file)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 2) ^ 1, bytes.length - 2)
    writeFileSync(file, bytes)
    expect(dumpLogSegments(segments('t')).batches.map(({ valid }) => valid)).toEqual([false])
  })
})
