import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openFileLog } from './file-log.ts'

const PROGRAM = fileURLToPath(new URL('testing/append-process.ts', import.meta.url))
const DISK_BYTES = 1024 * 1024

const open = (directory: string) => openFileLog({ directory, env: nodeEnv() })

async function valuesIn(directory: string): Promise<(string | null)[]> {
  const log = await open(directory)
  const records = readAll(await log.openReader().assign('t', 0, 0))
  await log.close()
  return records.map(({ value }) => value)
}

/** Appends one record after the other until the log rejects one; returns what was acknowledged, and the error. */
async function fill(directory: string, prefix: string): Promise<{ acknowledged: string[]; error: unknown }> {
  const log = await open(directory)
  const writer = log.openWriter({ usesReserve: true })
  const to = await writer.openPartition('t', 0)
  const acknowledged: string[] = []
  try {
    for (let number = 0; ; number++) {
      const value = `${prefix}${number} `.padEnd(3000, '.')
      write(to, 'k', value)
      await writer.flush()
      acknowledged.push(value)
    }
  } catch (error) {
    return { acknowledged, error }
  } finally {
    await log.close()
  }
}

const mountable = process.platform === 'linux' && process.getuid?.() === 0

describe('a full disk', () => {
  let disk: string

  beforeAll(() => {
    disk = mkdtempSync(`${tmpdir()}/millrace-full-`)
    if (!mountable) return
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk])
  })

  afterAll(() => {
    if (mountable) execFileSync('umount', [disk])
    rmSync(disk, { recursive: true })
  })

  test.for([1024, 64 * 1024, 16 * 1024 * 1024])(
    'costs nothing that was acknowledged, and a new writer continues once there is space (segments of %d bytes)',
    { timeout: 30_000 },
    async (segmentBytes, context) => {
      if (!mountable) {
        if (process.env['CI'] === 'true') throw new Error('this needs root on Linux, which CI has')
        context.skip('a full disk takes root on Linux')
      }
      const ballast = `${disk}/ballast`
      writeFileSync(ballast, Buffer.alloc(DISK_BYTES / 4))
      const data = `${disk}/${segmentBytes}`
      const log = await open(data)
      await log.admin.createTopic('t', { segmentBytes })
      await log.close()

      const first = await fill(data, 'a')
      expect(first.error).toMatchObject({
        code: 'LOG_FULL',
        message: expect.stringMatching(/ENOSPC.*Free some space/s),
      })
      expect(first.acknowledged.length).toBeGreaterThan(50)
      const kept = await valuesIn(data)
      // The last record may be whole in the log although it was not acknowledged to its writer.
      expect(kept.slice(0, first.acknowledged.length)).toEqual(first.acknowledged)
      expect(kept.length - first.acknowledged.length).toBeLessThanOrEqual(1)

      rmSync(ballast)
      const second = await fill(data, 'b')
      expect(second.acknowledged.length).toBeGreaterThan(10)
      const all = await valuesIn(data)
      expect(all.slice(0, kept.length + second.acknowledged.length)).toEqual([...kept, ...second.acknowledged])
      rmSync(data, { recursive: true })
    },
  )
})

describe.runIf(process.platform === 'linux')('a limit on the size of files', () => {
  let directory: string

  beforeEach(() => {
    directory = mkdtempSync(`${tmpdir()}/millrace-limit-`)
  })

  afterEach(() => rmSync(directory, { recursive: true }))

  test('stops the process that has it with a clear message, and costs nothing that was acknowledged', async () => {
    const log = await open(directory)
    await log.admin.createTopic('t')
    await log.close()
    const program = [process.execPath, '--conditions=millrace-source', PROGRAM, directory, 't', 'a', '0', '100']
    // 100 blocks of 512 or 1024 bytes, depending on the shell. Node ignores SIGXFSZ, so the write fails.
    const child = spawn('sh', ['-c', 'ulimit -f 100; exec "$@"', 'sh', ...program])
    let acknowledged = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (acknowledged += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const closed = new Promise((resolve) => child.once('close', resolve))
    onTestFinished(() => void child.kill('SIGKILL'))
    await closed
    expect(stderr).toMatch(/the disk is full \(EFBIG\)/)
    const last = Number(acknowledged.trim().split('\n').at(-1))
    expect(last).toBeGreaterThan(0)
    const values = await valuesIn(directory)
    expect(values.slice(0, last + 1)).toEqual(Array.from({ length: last + 1 }, (_, number) => String(number)))
    const after = await open(directory)
    const writer = after.openWriter()
    write(await writer.openPartition('t', 0), 'k', 'after')
    await writer.flush()
    await after.close()
    expect((await valuesIn(directory)).at(-1)).toBe('after')
  }, 30_000)
})
