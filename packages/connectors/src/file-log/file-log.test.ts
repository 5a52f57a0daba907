import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { logConformance } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterAll, describe, test } from 'vitest'
import { openFileLog } from './file-log.ts'

const root = mkdtempSync(`${tmpdir()}/millrace-file-log-`)
let count = 0

afterAll(() => rmSync(root, { recursive: true, force: true }))

logConformance({ describe, test }, 'file', {
  open: () => openFileLog({ directory: `${root}/${count++}`, env: nodeEnv() }),
  again: (log) => openFileLog({ directory: log.location, env: nodeEnv() }),
})
