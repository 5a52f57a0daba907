import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log } from '@millrace/core'
import { write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { withoutSyncs } from '../testing/unsynced-files.ts'
import { verifyCommits } from './verify-commits.ts'

let scratch: string
let data: string
let log: Log

beforeEach(async () => {
  scratch = mkdtempSync(`${tmpdir()}/millrace-commits-`)
  data = `${scratch}/data`
  log = await openFileLog({ directory: data, env: withoutSyncs(nodeEnv()) })
  await log.admin.createTopic('t', { partitions: 2 })
})

afterEach(async () => {
  await log.close()
  rmSync(scratch, { recursive: true, force: true })
})

const verify = () => verifyCommits(nodeEnv().files, data)

async function commit(id: string): Promise<void> {
  const writer = await log.openTransactionalWriter(id)
  for (const partition of [0, 1]) write(await writer.openPartition('t', partition), 'k', 'v')
  await writer.commit([])
  await writer.close()
}

test('a log whose parts are from one moment has no problems, also while a writer is open', async () => {
  expect(verify()).toEqual([])
  await commit('one')
  expect(verify()).toEqual([])
  const writer = await log.openTransactionalWriter('two')
  write(await writer.openPartition('t', 0), 'k', 'v')
  await writer.commit([])
  write(await writer.openPartition('t', 1), 'k', 'v')
  await writer.flush()
  expect(verify()).toEqual([])
})

test('a partition that is older than the rest is reported', async () => {
  await commit('one')
  cpSync(`${data}/topics/t/1`, `${scratch}/older`, { recursive: true })
  await commit('two')
  rmSync(`${data}/topics/t/1`, { recursive: true })
  cpSync(`${scratch}/older`, `${data}/topics/t/1`, { recursive: true })
  expect(verify()).toMatchObject([
    { severity: 'damage', file: `${data}/topics/t/1`, what: expect.stringContaining('the partition is older') },
  ])
})

test('a topic that was removed by hand is reported, and one that was deleted is not', async () => {
  await commit('one')
  cpSync(`${data}/topics/t`, `${scratch}/kept`, { recursive: true })
  rmSync(`${data}/topics/t`, { recursive: true })
  expect(verify()).toMatchObject([{ what: expect.stringContaining('the topic does not exist') }])
  cpSync(`${scratch}/kept`, `${data}/topics/t`, { recursive: true })
  await log.admin.deleteTopic('t')
  expect(verify()).toEqual([])
})

test('a damaged record of closed writers is reported', async () => {
  await commit('one')
  await log.close()
  writeFileSync(`${data}/transactions/.closed-writers.999.json`, '{}')
  expect(verify()).toMatchObject([{ file: expect.stringContaining('.closed-writers.999.json') }])
})
