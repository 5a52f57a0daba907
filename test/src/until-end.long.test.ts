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

const WINDOWS_JOB = `
import { job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json() })
const out = topic('out', { key: windowed(string()), value: json() })
const counts = stream(numbers)
  .groupBy((value) => 'g' + (value % 2), string())
  .window(tumbling('1h'))
  .count('counts', { emit: 'final' })
export default job('windows', counts.changes().to(out))
`

test('processes that are killed while they close windows leave each result once', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  for (const name of ['numbers', 'out']) await succeed(['topics', 'create', name, '--partitions', '2', ...data])
  const line = (_: unknown, index: number) =>
    `${JSON.stringify({ key: `k${index % 4}`, value: index, timestamp: 3_600_000 * Math.floor(index / 4) })}\n`
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], {
    stdin: Array.from({ length: RECORDS }, line).join(''),
  })
  const job = folder.write('job.ts', WINDOWS_JOB)
  const args = ['run', '--until-end', '--close-windows', '--commit-interval', '5ms', '--no-check', job, ...data]
  const killed = start(args)
  await killed.line(/windows runs/)
  killed.child.kill('SIGKILL')
  const processes = [start(args), start(args)]
  for (const { ended } of processes) expect((await ended).code).toBe(0)
  const written = await run(['topics', 'tail', 'out', '--from', 'start', '--until-end', '--json', ...data])
  const results = written.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text))
  expect(new Set(results.map(({ key, keyBase64 }) => key ?? keyBase64)).size).toBe(RECORDS / 2)
  expect(results.map(({ value }) => value)).toEqual(Array.from({ length: RECORDS / 2 }, () => 2))
})
