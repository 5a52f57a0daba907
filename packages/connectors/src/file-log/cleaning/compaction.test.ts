import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Batch } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { SkewedClock } from '../testing/skewed-clock.ts'

/** What a process that died in a compaction may leave: more than any segment of these tests. */
const UNFINISHED = Buffer.alloc(50_000, 1)

const history = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ key: fc.integer({ min: 0, max: 9 }), value: fc.option(fc.string()) }) },
    { weight: 2, arbitrary: fc.constant('flush' as const) },
    { weight: 1, arbitrary: fc.constant('clean' as const) },
  ),
  { minLength: 20, maxLength: 120 },
)

test('whatever is written and whenever it is compacted, the latest of each key is there, at its offset', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.nat(), fc.boolean(), async (steps, seek, hasDied) => {
      const directory = mkdtempSync(`${tmpdir()}/millrace-compaction-`)
      const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
      await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 1024 })
      if (hasDied) writeFileSync(`${directory}/topics/t/0/compacting`, UNFINISHED)
      const writer = log.openWriter()
      const to = await writer.openPartition('t', 0)
      const latest = new Map<string, [number, string | null]>()
      let offset = 0
      const follower = await log.openReader().assign('t', 0, 0)
      const followed = new Map<string, [number, string | null]>()
      const follow = (batch: Batch | undefined) => {
        while (batch?.next()) {
          const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
          const value = valueStart < 0 ? null : bytes.toString('utf8', valueStart, valueEnd)
          followed.set(bytes.toString('utf8', keyStart, keyEnd), [batch.offset, value])
        }
      }
      for (const step of steps) {
        if (step === 'flush') await writer.flush()
        else if (step === 'clean') {
          await writer.flush()
          // Part of a segment is read before it is replaced, the rest after.
          follow(follower.poll())
          await log.admin.clean('t')
        } else {
          // Tombstones with the present time: none is old enough to be dropped.
          write(to, `k${step.key}`, step.value === null ? null : step.value.padEnd(150), Date.now())
          latest.set(`k${step.key}`, [offset++, step.value === null ? null : step.value.padEnd(150)])
        }
      }
      await writer.flush()
      await log.admin.clean('t')
      for (let batch = follower.poll(); batch !== undefined; batch = follower.poll()) follow(batch)
      expect(followed).toEqual(latest)
      const records = readAll(await log.openReader().assign('t', 0, 0))
      const read = new Map(records.map(({ key, value, offset: at }) => [key ?? '', [at, value]]))
      expect(read).toEqual(latest)
      const from = seek % (offset + 1)
      const rest = readAll(await log.openReader().assign('t', 0, from))
      expect(rest).toEqual(records.filter(({ offset: at }) => at >= from))
      await log.close()
      rmSync(directory, { recursive: true })
    }),
    { numRuns: 40 },
  )
})

test('a reader in the middle of a segment continues where compaction merges those that follow into it', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-compaction-`)
  const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
  await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 1024 })
  const writer = log.openWriter()
  const to = await writer.openPartition('t', 0)
  const fill = async (index: number) => {
    write(to, `filler ${index % 2}`, 'x'.repeat(600))
    await writer.flush()
    write(to, `k${index}`, 'y'.repeat(600))
    await writer.flush()
  }
  await fill(0)
  const reader = await log.openReader().assign('t', 0, 0)
  expect(reader.poll()?.nextOffset).toBe(1)
  for (let index = 1; index < 6; index++) await fill(index)
  await log.admin.clean('t')
  expect(readdirSync(`${directory}/topics/t/0`)).not.toContain(`${'2'.padStart(20, '0')}.log`)
  expect(readAll(reader).map(({ key }) => key)).toEqual(expect.arrayContaining(['k0', 'k1', 'k2', 'k3', 'k4', 'k5']))
  await log.close()
  rmSync(directory, { recursive: true })
})

test('without its tail a partition still knows up to where a new reader misses no tombstone', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-compaction-`)
  const env = nodeEnv()
  const clock = new SkewedClock(env.clock)
  const open = () => openFileLog({ directory, env: { ...env, clock }, durability: 'os' })
  const log = await open()
  await log.admin.createTopic('t', { cleanup: 'compact', segmentBytes: 1024 })
  const writer = log.openWriter()
  const to = await writer.openPartition('t', 0)
  write(to, 'k', null)
  await writer.flush()
  for (let days = 0; days < 2; days++) {
    for (let index = 0; index < 2; index++) {
      write(to, 'filler', 'x'.repeat(1500))
      await writer.flush()
    }
    await log.admin.clean('t')
    clock.skewMs += 25 * 3_600_000
  }
  await log.close()
  rmSync(`${directory}/topics/t/0/tail`)
  const again = await open()
  const reader = await again.openReader().assign('t', 0, 0)
  const gone = reader.poll()
  expect(gone).toMatchObject({ baseOffset: 0, nextOffset: 1, tombstonesGone: true })
  expect(reader.compactedBefore).toBe(1)
  await again.close()
  rmSync(directory, { recursive: true })
})
