import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Env, FileSystem, Log } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { sealedPath } from '../paths.ts'
import { withoutSyncs } from '../testing/unsynced-files.ts'
import { TransactionJournal } from './journal.ts'
import { journalNames } from './journal-names.ts'
import { encodeRecord, type JournalRecord } from './journal-record.ts'
import { readSealed, sealJournal } from './seal-journal.ts'

const env = withoutSyncs(nodeEnv())
const NAME = 'id@1-1'

let directory: string
let logs: Log[]

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/millrace-seal-`)
  env.files.makeDirectory(`${directory}/transactions`)
  logs = []
})

afterEach(async () => {
  for (const log of logs) await log.close()
  rmSync(directory, { recursive: true })
})

const record = (epoch: number): JournalRecord => ({ producer: { id: 1, epoch }, decided: null })
const openJournal = (mode: 'create' | 'update') => new TransactionJournal(env.files, directory, NAME, mode)
const filesThere = () => readdirSync(`${directory}/transactions`).sort()

async function open(of: Env = env): Promise<Log> {
  const log = await openFileLog({ directory, env: of })
  logs.push(log)
  return log
}

async function valuesIn(log: Log): Promise<(string | null)[]> {
  const reader = log.openReader()
  const values = readAll(await reader.assign('t', 0, 0)).map(({ value }) => value)
  await reader.close()
  return values
}

test('all that seal a journal at once find the same record, and what its owner writes after that does not count', async () => {
  const owner = openJournal('create')
  owner.write(record(1))
  const others = Array.from({ length: 4 }, () => openJournal('update'))
  const sealed = others.map((each, index) => {
    const done = sealJournal(env, directory, each)
    // Each of them has looked at another record.
    owner.write(record(2 + index))
    return done
  })
  const found = await Promise.all(sealed)
  expect(new Set(found.map((each) => each?.producer.epoch)).size).toBe(1)
  owner.write(record(99))
  expect(await sealJournal(env, directory, owner)).toEqual(found[0])
  expect(owner.isFenced).toBe(true)
  for (const each of [owner, ...others]) each.close()
  expect(filesThere()).toEqual([NAME, `${NAME}.sealed`])
})

test('a process that seals a journal after others were done with it leaves nothing behind', async () => {
  const owner = openJournal('create')
  owner.write(record(1))
  const late = openJournal('update')
  env.files.remove(owner.path)
  expect(await sealJournal(env, directory, late)).toBe(undefined)
  expect(filesThere()).toEqual([])
  for (const each of [owner, late]) each.close()
})

test('a journal whose owner died before its first record decides nothing', async () => {
  openJournal('create').close()
  const log = await open()
  const writer = await log.openTransactionalWriter('id')
  await writer.close()
  expect(filesThere()).toEqual([])
})

describe('a commit whose writer is fenced', () => {
  /** A writer that is fenced `when` its journal's record is written, and by `fence`, as if it were stopped there. */
  async function commitFenced(when: 'before' | 'after'): Promise<{ log: Log; committed: Promise<unknown> }> {
    let armed = false
    const fence = () => {
      armed = false
      const [{ name } = expect.fail()] = journalNames(env.files, directory, 'id')
      const journal = new TransactionJournal(env.files, directory, name, 'update')
      journal.fence()
      const seen = journal.read() ?? expect.fail()
      writeFileSync(sealedPath(directory, name), encodeRecord({ record: seen, sequence: 1 }, 'id'))
      journal.close()
    }
    const files: FileSystem = {
      ...env.files,
      open: (path, mode) => {
        const file = env.files.open(path, mode)
        const { write: realWrite } = file
        if (!path.includes('/id@') || mode !== 'create') return file
        const fencedWrite: typeof realWrite = (...args) => {
          if (armed && when === 'before') fence()
          file.write(...args)
          if (armed && when === 'after') fence()
        }
        return new Proxy(file, {
          get: (_, name) => {
            if (name === 'write') return fencedWrite
            const found: unknown = Reflect.get(file, name, file)
            return typeof found === 'function' ? found.bind(file) : found
          },
        })
      },
    }
    const log = await open()
    await log.admin.createTopic('t')
    const writer = await (await open({ ...env, files })).openTransactionalWriter('id')
    write(await writer.openPartition('t', 0), 'k', 'v')
    await writer.flush()
    armed = true
    const committed = writer.commit([])
    await committed.catch(() => undefined)
    await expect(writer.flush()).rejects.toMatchObject({ code: 'WRITER_FENCED' })
    await log.openTransactionalWriter('id')
    return { log, committed }
  }

  test('before its record is written is aborted, and rejects with WRITER_FENCED', async () => {
    const { log, committed } = await commitFenced('before')
    await expect(committed).rejects.toMatchObject({ code: 'WRITER_FENCED' })
    expect(await valuesIn(log)).toEqual([])
  })

  test('after its record is written is committed, and resolves', async () => {
    const { log, committed } = await commitFenced('after')
    await expect(committed).resolves.toEqual([])
    expect(await valuesIn(log)).toEqual(['v'])
  })
})

test('of several processes that open an id at once, only one can commit', async () => {
  const log = await open()
  await log.admin.createTopic('t')
  for (let round = 0; round < 10; round++) {
    const opened = await Promise.allSettled([0, 1, 2].map(async () => (await open()).openTransactionalWriter('id')))
    const committed = await Promise.allSettled(
      opened.map(async (each) => {
        if (each.status === 'rejected') throw each.reason
        write(await each.value.openPartition('t', 0), 'k', `${round}`)
        await each.value.commit([])
      }),
    )
    for (const each of committed) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'WRITER_FENCED' })
    }
    expect(committed.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  }
  expect(await valuesIn(log)).toEqual(Array.from({ length: 10 }, (_, round) => `${round}`))
  expect(readSealed(env.files, directory, NAME)).toBe(undefined)
})
