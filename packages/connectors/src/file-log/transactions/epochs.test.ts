import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test, vi } from 'vitest'
import type * as Format from '../../record-batch/format.ts'
import { openFileLog } from '../file-log.ts'
import { readJournals } from './journals.ts'

// 32,767 transactions of one writer take too long for a test.
vi.mock('../../record-batch/format.ts', async (original) => ({ ...(await original<typeof Format>()), EPOCH_MAX: 3 }))

test('a writer whose epochs are used up continues with a new producer id, and loses nothing', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-epochs-`)
  const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
  onTestFinished(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })
  await log.admin.createTopic('t')
  const writer = await log.openTransactionalWriter('id')
  const ids = new Set<number>()
  for (let commit = 0; commit < 10; commit++) {
    write(await writer.openPartition('t', 0), 'k', `${commit}`)
    await writer.commit([])
    const { id, epoch } = readJournals(nodeEnv().files, directory)[0]?.producer ?? expect.fail()
    ids.add(id)
    expect(epoch).toBeLessThanOrEqual(3)
  }
  await writer.close()
  expect(ids.size).toBe(3)
  const reader = log.openReader()
  const values = readAll(await reader.assign('t', 0, 0)).map(({ value }) => value)
  expect(values).toEqual(Array.from({ length: 10 }, (_, commit) => `${commit}`))
  await reader.close()
})
