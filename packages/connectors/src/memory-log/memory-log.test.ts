import { logConformance } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { describe, test } from 'vitest'
import { memoryLog } from './memory-log.ts'

let latest = memoryLog(nodeEnv())

logConformance({ describe, test }, 'memory', {
  async open() {
    latest = memoryLog(nodeEnv())
    return latest
  },
  again: async () => latest.again(),
})
