import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { logConformance } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterAll, describe, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'

const root = mkdtempSync(`${tmpdir()}/millrace-file-log-`)
let count = 0

afterAll(() => rmSync(root, { recursive: true, force: true }))

logConformance({ describe, test }, 'file', {
  open: () => openFileLog({ directory: `${root}/${count++}`, env: nodeEnv() }),
  again: (log) => openFileLog({ directory: log.location, env: nodeEnv() }),
})

test('many open one new directory at once', async () => {
  const directory = `${root}/${count++}`
  const logs = await Promise.all(Array.from({ length: 20 }, () => openFileLog({ directory, env: nodeEnv() })))
  await logs[0]?.admin.createTopic('t')
  for (const log of logs) {
    expect(await log.admin.describeTopic('t')).toBeDefined()
    await log.close()
  }
})
