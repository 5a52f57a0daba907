import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 60_000
const RECORDS = 400

/** One partition, so one of two processes has no task; the other is busy for some seconds. */
const JOB = `
import { job, json, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json() })
const out = topic('out', { key: string(), value: json() })
const slow = stream(numbers).mapValues((value) => {
  for (const until = performance.now() + 5; performance.now() < until; );
  return value
})
export default job('slow', slow.to(out))
`

test('processes that run a job until the end leave when all of it is done', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  for (const name of ['numbers', 'out']) await succeed(['topics', 'create', name, '--partitions', '1', ...data])
  const line = (_: unknown, index: number) => `${JSON.stringify({ key: `k${index % 4}`, value: index })}\n`
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], {
    stdin: Array.from({ length: RECORDS }, line).join(''),
  })
  const args = ['run', '--until-end', '--no-check', folder.write('job.ts', JOB), ...data]
  const processes = [start(args), start(args)]
  const first = await Promise.race(processes.map(({ ended }) => ended))
  expect(first.code).toBe(0)
  // All records are committed, whichever process ended first.
  const written = await run(['topics', 'tail', 'out', '--from', 'start', '--until-end', '--json', ...data])
  expect(written.stdout.trim().split('\n')).toHaveLength(RECORDS)
  for (const { ended } of processes) expect((await ended).code).toBe(0)
})
