import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { nodeEnv } from '@millrace/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { openLocalState } from './open-local-state.ts'

test('if another holder has the state of a task open, another copy is opened beside it, up to eight copies', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-copies-`)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const open = () =>
    openLocalState({ directory: `${directory}/0`, job: 'job', task: '0', stores: [], inputs: [], env: nodeEnv() })
  const inUse = []
  for (let copy = 1; copy <= 8; copy++) inUse.push(await open())
  await expect(open()).rejects.toMatchObject({ code: 'JOB_RUNNING' })
  await inUse[3]?.state.close()
  inUse[3] = await open()
  for (const { state } of inUse) await state.close()
})
