import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Cleanup, MillraceError } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'

/** The number of bits to flip in each file: every bit of a small file, some in each part of a large one. */
const BITS_PER_FILE = 40
const RECORDS = 12

let directory: string

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-damage-`)
})

afterEach(() => rmSync(directory, { recursive: true }))

const open = () => openFileLog({ directory, env: nodeEnv(), durability: 'os' })

for (const cleanup of ['delete', 'compact'] satisfies Cleanup[]) {
  test(`damage in a file beside the segments deletes none of them, with cleanup ${cleanup}: it is repaired or refused`, async () => {
    await fill(cleanup)
    const files = listFiles(directory)
    const segments = files.filter((path) => path.endsWith('.log'))
    expect(segments.length).toBeGreaterThan(1)
    const before = new Map(segments.map((path) => [path, readFileSync(path)]))
    const others = files.filter((path) => !segments.includes(path) && readFileSync(path).length > 0)
    expect(others.map((path) => basename(path))).toEqual(
      expect.arrayContaining(['tail', 'topic.json', 'millrace.json']),
    )
    for (const path of others) {
      const whole = readFileSync(path)
      const stride = Math.max(1, Math.floor((whole.length * 8) / BITS_PER_FILE)) | 1
      for (let bit = 0; bit < whole.length * 8; bit += stride) {
        const flipped = Buffer.from(whole)
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        writeFileSync(path, flipped)
        await useAll()
        for (const [segment, bytes] of before) {
          const same = existsSync(segment) && readFileSync(segment).equals(bytes)
          expect(same, `${segment} after bit ${bit} of ${path}`).toBe(true)
        }
        writeFileSync(path, whole)
      }
    }
    const log = await open()
    const keys = readAll(await log.openReader().assign('t', 0, 0)).map(({ key }) => key)
    expect(keys).toEqual(Array.from({ length: RECORDS }, (_, index) => `key ${index}`))
    await log.close()
  })
}

/** A topic of several segments, each record in a separate transaction, cleaned as far as possible. */
async function fill(cleanup: Cleanup): Promise<void> {
  const log = await open()
  await log.admin.createTopic('t', { segmentBytes: 1024, cleanup })
  const writer = await log.openTransactionalWriter('id')
  const to = await writer.openPartition('t', 0)
  for (let index = 0; index < RECORDS; index++) {
    write(to, `key ${index}`, 'x'.repeat(300))
    await writer.commit([])
  }
  await log.admin.clean('t')
  await log.admin.clean('t')
  await log.close()
}

/** Deletes, compacts and repairs in a log; damage may cause errors. */
async function useAll(): Promise<void> {
  const reopened = await open().catch(refused)
  if (reopened === undefined) return
  const acts = [
    () => reopened.openReader().assign('t', 0, 0),
    () => reopened.openWriter().openPartition('t', 0),
    () => reopened.openTransactionalWriter('id'),
    () => reopened.admin.clean('t'),
    () => reopened.admin.listTopics(),
  ]
  for (const act of acts) await act().catch(refused)
  await reopened.close().catch(refused)
}

function refused(error: unknown): undefined {
  if (!(error instanceof MillraceError)) throw error
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}
