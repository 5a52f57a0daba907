import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import type { Log, TransactionalWriter } from '@millrace/core'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { BackupGate } from './backup-gate.ts'

let directory: string
let log: Log
let writer: TransactionalWriter

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/millrace-gate-`)
  log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
  await log.admin.createTopic('t')
  writer = await log.openTransactionalWriter('id')
  write(await writer.openPartition('t', 0), 'k', 'v')
  await writer.flush()
})

afterEach(async () => {
  await log.close()
  rmSync(directory, { recursive: true })
})

const values = async () => readAll(await log.openReader().assign('t', 0, 0)).map(({ value }) => value)

test('a commit waits for a backup that looks for a moment between commits', async () => {
  const gate = await BackupGate.close(nodeEnv(), directory)
  const committed = writer.commit([])
  await setTimeout(50)
  expect(await values()).toEqual([])
  gate.open()
  await committed
  expect(await values()).toEqual(['v'])
})

test('a backup that is stopped between commits delays a commit by half a second, and does not prevent it', async () => {
  const gate = await BackupGate.close(nodeEnv(), directory)
  const startedMs = performance.now()
  await writer.commit([])
  expect(performance.now() - startedMs).toBeGreaterThan(450)
  expect(await values()).toEqual(['v'])
  gate.open()
})
