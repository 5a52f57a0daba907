import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Env, Heartbeats, Log } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { filter, firstValueFrom } from 'rxjs'
import { expect, onTestFinished, test } from 'vitest'
import { openFileLog } from '../file-log.ts'
import { memberPath } from '../paths.ts'
import { lifeSignIn } from './member-file.ts'

test('a member whose process is stopped loses its tasks after ten seconds, unless the group sets another time', async () => {
  const directory = mkdtempSync(`${tmpdir()}/millrace-session-`)
  const logs: Log[] = []
  onTestFinished(async () => {
    for (const log of logs) await log.close()
    rmSync(directory, { recursive: true })
  })
  const join = async (env: Env) => {
    const log = await openFileLog({ directory, env, durability: 'os' })
    logs.push(log)
    return log.join('group', { tasks: ['t0', 't1'], description: 'job', address: null })
  }
  const stopped: Heartbeats = { start: async () => ({ stop: () => undefined }) }
  await join({ ...nodeEnv(), heartbeats: stopped })
  // A beat counts as 100 ms, and silence is counted in beats.
  const { heartbeats, ...rest } = nodeEnv()
  const fast: Heartbeats = { start: (path, _intervalMs, failed) => heartbeats.start(path, 2, failed) }
  const other = await join({ ...rest, heartbeats: fast })
  await firstValueFrom(other.assignments.pipe(filter(({ tasks }) => tasks.length === 2)))
  expect(lifeSignIn(nodeEnv().files, memberPath(directory, 'group', other.member))?.beats).toBeGreaterThan(100)
})
