import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { levelDb } from '../level-engine.ts'
import { forkStates } from './fork-states.ts'

let scratch: string

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'millrace-states-'))
})

afterEach(() => {
  rmSync(scratch, { recursive: true })
})

const at = (...names: string[]) => join(scratch, ...names)

/** Writes an entry with a value of 100 bytes for each of `count` keys. */
async function fill(directory: string, count: number) {
  mkdirSync(directory, { recursive: true })
  const database = await levelDb.open(directory)
  const batch = database.batch()
  for (let number = 0; number < count; number++) batch.put(Buffer.from(`key ${number}`), Buffer.alloc(100, number))
  await batch.write()
  return database
}

async function keysIn(directory: string): Promise<number> {
  const database = await levelDb.open(directory)
  const keys = await database.keys({ gte: Buffer.from(''), lt: Buffer.from('l') }).all()
  await database.close()
  return keys.length
}

test('a fork of states has their entries while a process writes to them, and shares their tables', async () => {
  const [task, copy] = [at('state', 'shop', 'orders-0'), at('fork', 'shop', 'orders-0')]
  await (await fill(task, 200_000)).close()
  const database = await fill(task, 10)
  await forkStates(nodeEnv(), at('state'), at('fork'))
  const before = readdirSync(task).map((name) => [name, statSync(join(task, name)).size])
  const tables = readdirSync(copy).filter((name) => name.endsWith('.ldb'))
  expect(tables.length).toBeGreaterThan(0)
  for (const name of tables) expect(statSync(join(copy, name)).ino).toBe(statSync(join(task, name)).ino)
  expect(await keysIn(copy)).toBe(200_000)
  await (await fill(copy, 250_000)).close()
  expect(readdirSync(task).map((name) => [name, statSync(join(task, name)).size])).toEqual(before)
  await database.close()
  expect(await keysIn(task)).toBe(200_000)
})

test('a state whose files do not fit together is left out of a fork, and the others are there', async () => {
  for (const name of ['orders-0', 'orders-1']) await (await fill(at('state', 'shop', name), 10)).close()
  rmSync(at('state', 'shop', 'orders-0', 'CURRENT'))
  mkdirSync(at('state', '.query-1', '0'), { recursive: true })
  writeFileSync(at('state', 'file'), '')
  await forkStates(nodeEnv(), at('state'), at('fork'))
  expect(readdirSync(at('fork'))).toEqual(['shop'])
  expect(readdirSync(at('fork', 'shop'))).toEqual(['orders-1'])
  expect(await keysIn(at('fork', 'shop', 'orders-1'))).toBe(10)
  await forkStates(nodeEnv(), at('missing'), at('empty'))
  expect(readdirSync(at('empty'))).toEqual([])
})
