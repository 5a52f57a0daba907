import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 60_000
const KEYS = Array.from({ length: 30 }, (_, key) => `k${String(key).padStart(2, '0')}`)

/** Two subtopologies: each of two processes gets half of the tasks of each. */
const JOB = `
import { json, job, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json() })
const sums = stream(numbers).groupByKey().reduce('sums', (a, b) => a + b)
const byValue = stream(numbers).groupBy((value) => String(value % 7), string()).count('by-value')
export default job('two-steps', sums, byValue)
`

test('a view whose parts are in two processes is queried and watched whole', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'numbers', '--partitions', '4', ...data])
  const lines = (value: number) => KEYS.map((key) => `${JSON.stringify({ key, value })}\n`).join('')
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: lines(1) })
  const args = ['run', '--no-check', folder.write('job.ts', JOB), ...data]
  const jobs = [start(args), start(args)]
  const urls: string[] = []
  for (const job of jobs) urls.push((await job.line(/served at (\S+)\n/))[1] ?? '')
  const queried = async (...options: string[]) => {
    const { code, stdout, stderr } = await run(['query', ...options, '--json', ...data])
    return code === 0
      ? stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line))
      : stderr
  }
  const all = KEYS.map((key) => ({ key, value: 1 }))
  // Both have joined when their tasks have moved, which takes some commits.
  await expect.poll(() => queried('sums', '--all'), { timeout: 20_000 }).toEqual(all)
  expect(await queried('sums', '--limit', '7')).toEqual(all.slice(0, 7))
  for (const key of KEYS.slice(0, 4)) expect(await queried('sums', key)).toEqual([{ key, value: 1 }])
  expect((await run(['query', 'sums', 'nowhere', ...data])).code).toBe(4)
  // Either process answers for all partitions.
  for (const url of urls) {
    expect(await queried('sums', '--all', '--url', url)).toEqual(all)
    for (const key of KEYS.slice(0, 4)) expect(await queried('sums', key, '--url', url)).toEqual([{ key, value: 1 }])
    expect((await run(['query', 'sums', 'nowhere', '--url', url, ...data])).code).toBe(4)
  }
  expect(await queried('by-value')).toEqual([{ key: '1', value: KEYS.length }])
  const watch = start(['watch', 'sums', '--json', ...data])
  await watch.line(/Watching sums.*\n.*Watching sums/)
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: lines(2) })
  for (const key of KEYS) await watch.line(new RegExp(`"key":"${key}","value":3`))
  watch.child.kill('SIGTERM')
  expect((await watch.ended).code).toBe(0)
  for (const job of jobs) job.child.kill('SIGTERM')
  for (const job of jobs) expect((await job.ended).code).toBe(0)
})
