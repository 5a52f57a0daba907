import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Env, FileSystem, Log, OpenFile } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { findJournal, journalsIn } from './journals.ts'

/** An object with some methods replaced. */
function over<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in methods) return Reflect.get(methods, name)
      const found: unknown = Reflect.get(target, name, target)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

/**
 * An env in which one journal reads as it was when `freeze` was called: what a process sees that is stopped between its look
 * at the journal and its append.
 */
function envThatLooksEarly(id: string): { env: Env; freeze: () => void } {
  const real = nodeEnv()
  let frozen = false
  const seen = new Map<string, Buffer>()
  const early = (file: OpenFile): OpenFile =>
    over(file, {
      read(buffer: Buffer, offset: number, length: number, position: number): number {
        const place = `${position} ${length}`
        const before = seen.get(place)
        if (frozen && before !== undefined) return before.copy(buffer, offset)
        const bytes = file.read(buffer, offset, length, position)
        seen.set(place, Buffer.from(buffer.subarray(offset, offset + bytes)))
        return bytes
      },
    })
  const files = over(real.files, {
    open: (...args: Parameters<FileSystem['open']>) => {
      const file = real.files.open(...args)
      return args[0].includes(`/${id}@`) ? early(file) : file
    },
  })
  return {
    env: { ...real, files },
    freeze: () => {
      frozen = true
    },
  }
}

async function valuesIn(log: Log): Promise<(string | null)[]> {
  const reader = log.openReader()
  const values = readAll(await reader.assign('t', 0, 0)).map(({ value }) => value)
  await reader.close()
  return values
}

describe('what a writer appends that was stopped just before, while others took its id over', () => {
  test.each([
    ['and had committed before', true, true],
    ['and had committed nothing', false, true],
    ['and another has the id now', true, false],
    ['had committed nothing, and another has the id now', false, false],
  ])('is aborted by the process that finds it: the journal is missing, %s', async (_name, hasCommitted, retired) => {
    const directory = mkdtempSync(`${tmpdir()}/millrace-late-`)
    const { env, freeze } = envThatLooksEarly('id')
    const stopped = await openFileLog({ directory, env })
    const other = await openFileLog({ directory, env: nodeEnv() })
    onTestFinished(async () => {
      await stopped.close().catch(() => undefined)
      await other.close()
      rmSync(directory, { recursive: true })
    })
    await other.admin.createTopic('t')
    const writer = await stopped.openTransactionalWriter('id')
    const partition = await writer.openPartition('t', 0)
    if (hasCommitted) {
      write(partition, 'k', 'committed')
      await writer.commit([])
    }
    const committed = hasCommitted ? ['committed'] : []

    freeze()
    const next = await other.openTransactionalWriter('id')
    if (retired) await next.close()
    write(partition, 'k', 'late')
    await writer.flush()

    expect(await valuesIn(other)).toEqual(committed)
    const { end } = await other.admin.offsets('t', 0)
    const last = await other.openTransactionalWriter('another')
    write(await last.openPartition('t', 0), 'k', 'after')
    await last.commit([])
    expect(await valuesIn(other)).toEqual([...committed, 'after'])
    expect((await other.admin.offsets('t', 0)).end).toBeGreaterThan(end)
  })
})

test('a journal that is written between the reads of its two records is read correctly', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-torn-`)
  const real = nodeEnv()
  const log = await openFileLog({ directory, env: real })
  onTestFinished(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })
  await log.admin.createTopic('t')
  const writer = await log.openTransactionalWriter('id')
  const partition = await writer.openPartition('t', 0)
  for (const value of ['a', 'b', 'c']) {
    write(partition, 'k', value)
    await writer.commit([])
  }
  let torn = 2
  const files = over(real.files, {
    open: (...args: Parameters<FileSystem['open']>) => {
      const file = real.files.open(...args)
      const read = (buffer: Buffer, offset: number, length: number, position: number): number => {
        const bytes = file.read(buffer, offset, length, position)
        // A whole record, not only its header.
        if (length > 32 && torn > 0) {
          torn--
          buffer.fill(0, offset + 32)
        }
        return bytes
      }
      return over(file, { read })
    },
  })
  const [found = expect.fail()] = journalsIn(real.files, directory)
  expect(findJournal(files, directory, found.record.producer.id)).toEqual(found)
  expect(torn).toBe(0)
})
