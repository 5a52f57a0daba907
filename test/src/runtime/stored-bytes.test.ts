import { rmSync } from 'node:fs'
import { bytes, job, openTopicWriter, table, topic } from '@millrace/core'
import { sample, uint8Array } from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const images = topic('images', { key: bytes(), value: bytes() })
const latest = table(images, 'latest')
const theJob = job('bytes', latest)

/** Bytes that have a meaning elsewhere: nothing, zeros, what ends a key, what looks like text or a marker. */
const SPECIAL = [[], [0], [0, 0], [0, 255], [255], [255, 255, 255], [0xef, 0xbf, 0xbd], [0xc3, 0x28], [0, 1, 0, 255]]

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('images')
  await world.topic('bytes.changelog', { cleanup: 'compact', segmentBytes: 1024 })
})

afterEach(() => world.close())

async function produce(rows: readonly (readonly [Uint8Array, Uint8Array])[]): Promise<void> {
  const writer = await openTopicWriter(world.log, images)
  await writer.sendAll(rows.map(([key, value]) => ({ key, value, timestamp: 1 })))
  await writer.close()
}

/** The content of the view, as hex. */
async function rows(): Promise<Map<string, string>> {
  const container = await world.start(theJob)
  const store = container.views[0]?.parts[0]?.store
  const { entries } = (await store?.range({ limit: 1000 })) ?? { entries: [] }
  const found = entries.map(({ key, value }) => [hex(key as Uint8Array), hex(value as Uint8Array)] as const)
  await container.stop()
  return new Map(found)
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}

test('keys and values come back from a store byte by byte, after commits, restarts, compaction and a restore', async () => {
  const special = SPECIAL.map((each) => Uint8Array.from(each))
  const random = sample(uint8Array({ minLength: 1, maxLength: 5000, size: 'max' }), { numRuns: 30, seed: 7 })
  const all = [...special, ...random]
  const expected = new Map<string, string>()
  for (let round = 0; round < 4; round++) {
    const written = all.map((key, index) => [key, all[(index * 7 + round) % all.length] ?? key] as const)
    for (const [key, value] of written) expected.set(hex(key), hex(value))
    await produce(written)
    await world.runToEnd(theJob)
    if (round === 1) await world.log.admin.clean('bytes.changelog')
    if (round % 2 === 1) rmSync(world.stateDirectory, { recursive: true })
    expect(await rows()).toEqual(expected)
  }
})
