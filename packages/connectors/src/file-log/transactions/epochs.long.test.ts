import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { readAll, write } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { EPOCH_MAX } from '../../record-batch/format.ts'
import { openFileLog } from '../file-log.ts'
import { readJournals } from './journals.ts'

/** The first epoch is 0. */
const EPOCHS = EPOCH_MAX + 1

test('a writer whose epochs are used up continues with a new producer id, and loses nothing', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-epochs-`)
  const log = await openFileLog({ directory, env: nodeEnv(), durability: 'os' })
  onTestFinished(async () => {
    await log.close()
    rmSync(directory, { recursive: true })
  })
  await log.admin.createTopic('t')
  const writer = await log.openTransactionalWriter('id')
  const partition = await writer.openPartition('t', 0)
  const owner = () => readJournals(nodeEnv().files, directory)[0]?.producer ?? expect.fail()
  const first = owner()
  expect(first.epoch).toBe(0)
  for (let commit = 0; commit < EPOCHS + 2; commit++) {
    write(partition, 'k', `${commit}`)
    await writer.commit([])
    if (commit === EPOCHS - 2) expect(owner()).toEqual({ id: first.id, epoch: EPOCH_MAX })
  }
  expect(owner().id).not.toBe(first.id)
  expect(owner().epoch).toBe(2)
  await writer.close()
  const reader = log.openReader()
  const values = readAll(await reader.assign('t', 0, 0)).map(({ value }) => value)
  expect(values).toEqual(Array.from({ length: EPOCHS + 2 }, (_, commit) => `${commit}`))
  await reader.close()
})
