import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Env, Log } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { repairPartition } from '../inspect/repair-partition.ts'
import { withFaults } from '../testing/faulty-files.ts'
import { backUp } from './back-up.ts'
import { MANIFEST_FILE } from './manifest.ts'
import { restore } from './restore.ts'

let scratch: string
let data: string
let backup: string
let restored: string
let log: Log

beforeEach(async () => {
  scratch = mkdtempSync(`${tmpdir()}/millrace-backup-`)
  data = `${scratch}/data`
  backup = `${scratch}/backup`
  restored = `${scratch}/restored`
  log = await openFileLog({ directory: data, env: nodeEnv() })
})

afterEach(async () => {
  await log.close()
  rmSync(scratch, { recursive: true, force: true })
})

/** A topic of many closed segments and an active one. */
async function fill(topic: string, count = 60, settings = {}): Promise<void> {
  await log.admin.createTopic(topic, { segmentBytes: 1024, ...settings })
  await append(topic, count)
}

async function append(topic: string, count: number): Promise<void> {
  const writer = log.openWriter()
  const to = await writer.openPartition(topic, 0)
  for (let number = 0; number < count; number++) {
    write(to, `k${number % 7}`, `${number}`.padEnd(100, '.'))
    await writer.flush()
  }
  await writer.close()
}

async function valuesIn(directory: string, topic: string): Promise<(string | null)[]> {
  const opened = await openFileLog({ directory, env: nodeEnv() })
  onTestFinished(() => opened.close())
  return readAll(await opened.openReader().assign(topic, 0, 0)).map(({ value }) => value)
}

const partition = (directory: string, topic = 't') => join(directory, 'topics', topic, '0')
const segmentsIn = (directory: string) => readdirSync(partition(directory)).filter((name) => name.endsWith('.log'))

test('a restored backup holds what the log held when it was made, and nothing that came later', async () => {
  await fill('t')
  const before = await valuesIn(data, 't')
  await backUp(nodeEnv(), data, backup)
  await append('t', 20)
  await restore(nodeEnv(), backup, restored)
  expect(await valuesIn(restored, 't')).toEqual(before)
  expect(await valuesIn(data, 't')).toHaveLength(80)
})

test('closed segments share their bytes with the data, and the active one does not', async () => {
  await fill('t')
  await backUp(nodeEnv(), data, backup)
  const segments = segmentsIn(data)
  const shared = segments.map(
    (name) => statSync(`${partition(data)}/${name}`).ino === statSync(`${partition(backup)}/${name}`).ino,
  )
  expect(segments.length).toBeGreaterThan(3)
  expect(shared).toEqual(segments.map((_, index) => index < segments.length - 1))
})

test('nothing that happens to the data or to what was restored changes a backup', async () => {
  await fill('t', 60, { cleanup: 'compact' })
  await backUp(nodeEnv(), data, backup)
  const bytesOf = () =>
    readdirSync(partition(backup)).map((name) => readFileSync(`${partition(backup)}/${name}`, 'hex'))
  const before = bytesOf()
  await restore(nodeEnv(), backup, restored)
  const again = await openFileLog({ directory: restored, env: nodeEnv() })
  onTestFinished(() => again.close())
  for (const each of [log, again]) {
    const writer = await each.openTransactionalWriter('w')
    const to = await writer.openPartition('t', 0)
    for (let count = 0; count < 30; count++) {
      write(to, `k${count % 7}`, 'later'.padEnd(100, '.'))
      await writer.commit([])
    }
    await writer.close()
    await each.admin.clean('t')
  }
  const [first = ''] = segmentsIn(backup)
  expect(readFileSync(`${partition(data)}/${first}`)).not.toEqual(readFileSync(`${partition(backup)}/${first}`))
  // The torn end that a dead appender left, which recovery cuts off.
  appendFileSync(`${partition(data)}/${segmentsIn(data).at(-1)}`, 'torn')
  await append('t', 1)
  expect(bytesOf()).toEqual(before)
})

test('a repair of a closed segment leaves the backup that shares it as it was', async () => {
  await fill('t')
  await log.close()
  await backUp(nodeEnv(), data, backup)
  const [first = ''] = segmentsIn(data)
  const path = `${partition(data)}/${first}`
  const damaged = readFileSync(path)
  damaged[200] = (damaged[200] ?? 0) ^ 1
  rmSync(path)
  writeFileSync(path, damaged)
  await restore(nodeEnv(), backup, restored)
  await backUp(nodeEnv(), data, `${backup}-damaged`)
  await repairPartition(nodeEnv(), data, 't', 0)
  expect(readFileSync(`${partition(`${backup}-damaged`)}/${first}`)).toEqual(damaged)
  expect(readFileSync(path)).not.toEqual(damaged)
  // Data that was damaged when it was backed up is not restored as if it were whole.
  await expect(restore(nodeEnv(), `${backup}-damaged`, `${restored}-damaged`)).rejects.toMatchObject({
    code: 'BACKUP_DAMAGED',
  })
})

test('a transaction that is open when the backup is made is aborted where it is restored, in all its partitions', async () => {
  await fill('t', 1)
  await fill('u', 1)
  const writer = await log.openTransactionalWriter('w')
  const partitions = [await writer.openPartition('t', 0), await writer.openPartition('u', 0)]
  for (const to of partitions) write(to, 'k', 'committed')
  await writer.commit([])
  for (const to of partitions) write(to, 'k', 'open')
  await writer.flush()
  await backUp(nodeEnv(), data, backup)
  await writer.commit([])
  await restore(nodeEnv(), backup, restored)
  for (const topic of ['t', 'u']) {
    expect((await valuesIn(restored, topic)).slice(1)).toEqual(['committed'])
    expect((await valuesIn(data, topic)).slice(1)).toEqual(['committed', 'open'])
  }
})

test('a backup to a file system without hard links copies every byte', async () => {
  await fill('t')
  const env = withFaults(nodeEnv(), (call) => (call === 'link' ? 'EXDEV' : undefined))
  expect(await backUp(env, data, backup)).toMatchObject({ linkable: false, linkedBytes: 0 })
  const [first = ''] = segmentsIn(data)
  expect(statSync(`${partition(data)}/${first}`).ino).not.toBe(statSync(`${partition(backup)}/${first}`).ino)
  await restore(nodeEnv(), backup, restored)
  expect(await valuesIn(restored, 't')).toEqual(await valuesIn(data, 't'))
})

test('segments that retention deletes while a backup is made are missing in it, and nothing else is', async () => {
  await fill('t', 60, { retentionBytes: 2000 })
  await append('t', 1)
  const env = nodeEnv()
  const [first = ''] = segmentsIn(data)
  const vanishing: Env = {
    ...env,
    files: {
      ...env.files,
      link: (path, name) => {
        if (path.endsWith(first)) rmSync(path)
        env.files.link(path, name)
      },
    },
  }
  const before = await valuesIn(data, 't').catch(() => [])
  const { start } = await log.admin.offsets('t', 0)
  await backUp(vanishing, data, backup)
  await restore(nodeEnv(), backup, restored)
  const opened = await openFileLog({ directory: restored, env: nodeEnv() })
  onTestFinished(() => opened.close())
  const now = await opened.admin.offsets('t', 0)
  expect(now.end).toBe(61)
  expect(now.start).toBeGreaterThan(start)
  expect(readAll(await opened.openReader().assign('t', 0, now.start))).toHaveLength(61 - now.start)
  expect(before).toEqual([])
})

test('a purge deletes nothing of a topic between the cut and its copy', async () => {
  await fill('copied-first')
  await fill('t')
  const env = nodeEnv()
  const purging: Env = {
    ...env,
    files: {
      ...env.files,
      syncDirectory: async (path) => {
        if (path.startsWith(backup)) await log.admin.purge('t', 0, 50)
        await env.files.syncDirectory(path)
      },
    },
  }
  await backUp(purging, data, backup)
  await restore(nodeEnv(), backup, restored)
  expect(await valuesIn(restored, 't')).toHaveLength(60)
  await log.admin.purge('t', 0, 50)
  expect((await log.admin.offsets('t', 0)).start).toBeGreaterThan(0)
})

test('a backup without its manifest is refused as incomplete', async () => {
  await fill('t', 5)
  await backUp(nodeEnv(), data, backup)
  rmSync(`${backup}/${MANIFEST_FILE}`)
  await expect(restore(nodeEnv(), backup, restored)).rejects.toMatchObject({ code: 'BACKUP_INCOMPLETE' })
  expect(existsSync(restored)).toBe(false)
})

test('a backup with any file missing, shortened or changed is refused, and nothing is restored', async () => {
  await fill('t', 30)
  await backUp(nodeEnv(), data, backup)
  const { files } = JSON.parse(readFileSync(`${backup}/${MANIFEST_FILE}`, 'utf8'))
  const paths: string[] = [...files.map(({ path }: { path: string }) => path), MANIFEST_FILE]
  const damages: ((path: string, bytes: Buffer) => void)[] = [
    (path) => rmSync(path),
    (path, bytes) => truncateSync(path, bytes.length - 1),
    (path, bytes) => writeFileSync(path, flipped(bytes)),
  ]
  for (const path of paths) {
    const bytes = readFileSync(`${backup}/${path}`)
    for (const damage of damages) {
      rmSync(`${backup}/${path}`, { force: true })
      writeFileSync(`${backup}/${path}`, bytes)
      if (bytes.length > 0 || damage === damages[0]) damage(`${backup}/${path}`, bytes)
      if (bytes.length === 0 && damage !== damages[0]) continue
      await expect(restore(nodeEnv(), backup, restored)).rejects.toMatchObject({
        code: expect.stringMatching(/^BACKUP_(DAMAGED|INCOMPLETE)$/),
      })
      expect(readdirSync(scratch).sort()).toEqual(['backup', 'data'])
    }
    rmSync(`${backup}/${path}`, { force: true })
    writeFileSync(`${backup}/${path}`, bytes)
  }
  await restore(nodeEnv(), backup, restored)
})

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  const middle = changed.length >> 1
  changed[middle] = (changed[middle] ?? 0) ^ 1
  return changed
}

test('a backup of another version of the data is refused', async () => {
  await fill('t', 5)
  await backUp(nodeEnv(), data, backup)
  const { crc32c: _, ...manifest } = JSON.parse(readFileSync(`${backup}/${MANIFEST_FILE}`, 'utf8'))
  const older = { ...manifest, dataVersion: manifest.dataVersion - 1 }
  const bytes = Buffer.from(JSON.stringify(older))
  const checksum = crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
  writeFileSync(`${backup}/${MANIFEST_FILE}`, JSON.stringify({ ...older, crc32c: checksum }))
  await expect(restore(nodeEnv(), backup, restored)).rejects.toMatchObject({ code: 'DATA_VERSION' })
})

test('a data directory of several moments is not backed up', async () => {
  await fill('t', 1)
  cpSync(data, `${data}-earlier`, { recursive: true })
  const writer = await log.openTransactionalWriter('w')
  write(await writer.openPartition('t', 0), 'k', 'value')
  await writer.commit([])
  await writer.close()
  await log.close()
  rmSync(`${data}/topics/t/0`, { recursive: true })
  cpSync(`${data}-earlier/topics/t/0`, `${data}/topics/t/0`, { recursive: true })
  await expect(backUp(nodeEnv(), data, backup)).rejects.toMatchObject({ code: 'LOG_PARTS_DIFFER' })
  expect(existsSync(backup)).toBe(false)
})

test('neither a backup nor a restore writes into a directory that holds anything', async () => {
  await fill('t', 5)
  await backUp(nodeEnv(), data, backup)
  await expect(backUp(nodeEnv(), data, backup)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
  await expect(restore(nodeEnv(), backup, data)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' })
  await expect(restore(nodeEnv(), `${backup}-other`, restored)).rejects.toMatchObject({ code: 'FILE_MISSING' })
  await expect(backUp(nodeEnv(), `${data}-other`, restored)).rejects.toMatchObject({ code: 'FILE_MISSING' })
})

test('whichever call to the disk fails, a backup or restore is whole or leaves nothing', async () => {
  await fill('t', 12)
  let calls = 0
  await backUp(
    withFaults(nodeEnv(), () => {
      calls++
      return undefined
    }),
    data,
    backup,
  )
  rmSync(backup, { recursive: true })
  for (let failing = 0; failing < calls; failing += 3) {
    let call = 0
    const env = withFaults(nodeEnv(), (_, path) => {
      return path.startsWith(backup) && call++ === failing ? 'ENOSPC' : undefined
    })
    const done = await backUp(env, data, backup).catch((error: unknown) => error)
    if (done instanceof Error) expect(existsSync(`${backup}/${MANIFEST_FILE}`)).toBe(false)
    else await restore(nodeEnv(), backup, restored)
    rmSync(backup, { recursive: true, force: true })
    rmSync(restored, { recursive: true, force: true })
  }
})
