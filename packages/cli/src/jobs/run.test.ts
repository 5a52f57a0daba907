import { expect, test } from 'vitest'
import { runCommand } from '../testing/run-command.ts'

test('a run that is to close windows needs an end', async () => {
  const { code, stderr } = await runCommand(['run', 'job.ts', '--close-windows'])
  expect([code, stderr]).toEqual([2, expect.stringContaining('BAD_USAGE: --close-windows needs --until-end')])
})
