import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Log } from '@millrace/core'
import { logConformance } from '@millrace/core/conformance'
import { nodeEnv } from '@millrace/core/node'
import { afterAll, describe, expect, test } from 'vitest'
import { openFileLog } from './file-log.ts'
import { PausableTimers, pausableEnv } from './testing/pausable-timers.ts'
import { SkewedClock } from './testing/skewed-clock.ts'

/** So small that the suite's larger groups are runs of batches. */
const GROUP_BATCH_BYTES = 1000

const root = mkdtempSync(`${tmpdir()}/millrace-file-log-`)
let count = 0

afterAll(() => rmSync(root, { recursive: true, force: true }))

const timersOf = new WeakMap<Log, PausableTimers>()
const clockOf = new WeakMap<Log, SkewedClock>()

async function open(directory: string): Promise<Log> {
  const timers = new PausableTimers(nodeEnv().timers)
  const clock = new SkewedClock(nodeEnv().clock)
  const log = await openFileLog({
    directory,
    env: { ...pausableEnv(timers), clock },
    groupBatchBytesMax: GROUP_BATCH_BYTES,
  })
  timersOf.set(log, timers)
  clockOf.set(log, clock)
  return log
}

logConformance({ describe, test }, 'file', {
  open: () => open(`${root}/${count++}`),
  again: (log) => open(log.location),
  pause: (log) => timersOf.get(log)?.pause() ?? expect.fail('the log is not of this test'),
  advance: (log, ms) => {
    const clock = clockOf.get(log) ?? expect.fail('the log is not of this test')
    clock.skewMs += ms
  },
})

test('many logs can open one new directory at once', async () => {
  const directory = `${root}/${count++}`
  const logs = await Promise.all(Array.from({ length: 20 }, () => openFileLog({ directory, env: nodeEnv() })))
  await logs[0]?.admin.createTopic('t')
  for (const log of logs) {
    expect(await log.admin.describeTopic('t')).toBeDefined()
    await log.close()
  }
})
