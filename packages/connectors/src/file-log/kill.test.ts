import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Env, FileSystem, OpenFile } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-kill-`)
})

afterEach(() => rmSync(directory, { recursive: true }))

/** What the file system does stops after so many operations, as it does for a process that is killed. */
function dyingEnv(operations: number): { readonly env: Env; readonly died: () => boolean } {
  let left = operations
  const step = () => {
    if (left-- <= 0) throw new Error('killed')
  }
  const base = nodeEnv()
  const dyingFile = (file: OpenFile): OpenFile => ({
    path: file.path,
    read: (...args) => file.read(...args),
    size: () => file.size(),
    tryLock: () => file.tryLock(),
    lock: () => file.lock(),
    // The kernel does these two for the dead.
    unlock: () => file.unlock(),
    close: () => file.close(),
    write: (...args) => {
      step()
      file.write(...args)
    },
    truncate: (bytes) => {
      step()
      file.truncate(bytes)
    },
    sync: async () => {
      step()
      await file.sync()
    },
  })
  const files: FileSystem = {
    ...base.files,
    open: (path, mode) => {
      if (mode !== 'read') step()
      return dyingFile(base.files.open(path, mode))
    },
    syncDirectory: async (path) => {
      step()
      await base.files.syncDirectory(path)
    },
  }
  return { env: { ...base, files }, died: () => left < 0 }
}

test('whichever step of appending and beginning a segment a writer dies at, the others lose nothing', async () => {
  let deaths = 0
  for (let operations = 0; ; operations++) {
    const topic = `t${operations}`
    const log = await openFileLog({ directory, env: nodeEnv() })
    await log.admin.createTopic(topic, { segmentBytes: 1024 })
    const writer = log.openWriter()
    const partition = await writer.openPartition(topic, 0)
    write(partition, 'live', '0')
    await writer.flush()

    const { env, died } = dyingEnv(operations)
    try {
      const doomed = (await openFileLog({ directory, env })).openWriter()
      write(await doomed.openPartition(topic, 0), 'doomed', 'x'.repeat(2000))
      await doomed.flush()
    } catch (error) {
      if (!died()) throw error
      deaths++
    }
    for (const value of ['1', '2', '3']) {
      write(partition, 'live', value)
      await writer.flush()
    }

    const anew = await openFileLog({ directory, env: nodeEnv() })
    const records = readAll(await anew.openReader().assign(topic, 0, 0))
    const live = records.flatMap(({ key, value }) => (key === 'live' ? [value] : []))
    expect(live, `died after ${operations} operations`).toEqual(['0', '1', '2', '3'])
    expect(records.map(({ offset }) => offset)).toEqual([...records.keys()])
    for (const { offset } of records) {
      const rest = readAll(await anew.openReader().assign(topic, 0, offset))
      expect(rest, `from ${offset}, died after ${operations} operations`).toEqual(records.slice(offset))
    }
    await anew.close()
    await log.close()
    if (!died()) break
  }
  expect(deaths).toBeGreaterThan(5)
})

const CHILD = fileURLToPath(new URL('./testing/append-forever.ts', import.meta.url))

test('processes that append to one partition, some killed at any moment, lose, repeat and reorder nothing', async () => {
  const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
  await log.admin.createTopic('t', { segmentBytes: 1024 })
  const acknowledged = new Map<string, number>()
  const start = (name: string): ChildProcess => {
    const child = spawn(process.execPath, ['--conditions=millrace-source', CHILD, directory, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      // The last line may be half there.
      const count = text.split('\n').at(-2)
      if (count !== undefined) acknowledged.set(name, Number(count))
    })
    return child
  }
  const kill = async (child: ChildProcess): Promise<void> => {
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  }
  const survivor = start('survivor')
  for (let round = 0; round < 8; round++) {
    const victim = start(`victim ${round}`)
    if (victim.stdout !== null) for (let chunks = 0; chunks < 5 + round; chunks++) await once(victim.stdout, 'data')
    await kill(victim)
  }
  await kill(survivor)

  const anew = await openFileLog({ directory, env: nodeEnv() })
  const counts = new Map<string, number>()
  for (const [index, { key, value, offset }] of readAll(await anew.openReader().assign('t', 0, 0)).entries()) {
    const name = key ?? ''
    const expected = counts.get(name) ?? 0
    if (offset !== index || value !== `${expected}`) {
      expect.fail(`${name}: ${value} at offset ${offset}, not ${expected} at ${index}`)
    }
    counts.set(name, expected + 1)
  }
  expect(acknowledged.size).toBe(9)
  for (const [name, count] of acknowledged) expect(counts.get(name), name).toBeGreaterThanOrEqual(count)
  await anew.close()
  await log.close()
}, 60_000)
