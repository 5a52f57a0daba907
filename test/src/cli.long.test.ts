import { expect, test } from 'vitest'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 60_000

test('what is produced is tailed live, and copied by piping a tail into produce', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const millrace = (args: string[], stdin = '') => succeed([...args, '--data', folder.data], { stdin })
  await millrace(['topics', 'create', 'a', '--partitions', '3'])
  await millrace(['topics', 'create', 'b', '--partitions', '3'])
  const tail = start(['topics', 'tail', 'a', '--from', 'start', '--json', '--data', folder.data])
  await millrace(['topics', 'produce', 'a', '--key', 'k', '--timestamp', '5'], 'text\n{"json":true}\n')
  await tail.line(/"json":true/)
  tail.child.kill('SIGINT')
  const { code, stdout } = await tail.ended
  expect(code).toBe(0)
  await millrace(['topics', 'produce', 'b', '--records'], stdout)
  const copied = await millrace(['topics', 'tail', 'b', '--from', 'start', '--until-end', '--json'])
  expect(copied).toBe(stdout.replaceAll('"topic":"a"', '"topic":"b"'))
})

test('a CSV file is imported a row a record, and resumed without a repeat', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const file = folder.write('orders.csv', 'customer,placed,cents\nann,2001-01-01,007\n"b,ob",2001-01-02T10:00,12.5\n')
  const args = ['topics', 'import', 'orders', file, '--key', 'customer', '--timestamp', 'placed', '--data', folder.data]
  const imported = await succeed([...args, '--resume'])
  expect(imported).toContain('2 records imported into orders')
  expect(imported).toContain(
    'Event time: placed, ISO dates, from 2001-01-01T00:00:00.000Z to 2001-01-02T10:00:00.000Z\n',
  )
  expect(await succeed([...args, '--resume'])).toContain('0 records imported into orders; 2 already existed')
  const tail = ['topics', 'tail', 'orders', '--from', 'start', '--until-end', '--json', '--data', folder.data]
  const records = (await succeed(tail))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(records).toMatchObject([
    { key: 'ann', timestamp: Date.UTC(2001, 0, 1), value: { customer: 'ann', placed: '2001-01-01', cents: '007' } },
    { key: 'b,ob', timestamp: Date.UTC(2001, 0, 2, 10), value: { cents: '12.5' } },
  ])
})

test('an import reports what retention leaves of records that are imported with --allow-expired', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  const created = await run(['topics', 'create', 'a', '--retention', '7d', '--segment-bytes', '1k', ...data])
  expect(created.stderr).toMatch(/Retention uses the event times of records.*older than 7d are deleted/)
  // The batches of a slice of rows fill several segments, and the last segment stays open.
  const row = (index: number) => `${JSON.stringify({ id: 'k', at: 978_307_260 + index, text: 'x'.repeat(500) })}\n`
  const file = folder.write('a.ndjson', Array.from({ length: 20_000 }, (_, index) => row(index)).join(''))
  const time = ['--timestamp', 'at', '--timestamp-unit', 's']
  const output = await succeed(['topics', 'import', 'a', file, '--key', 'id', ...time, '--allow-expired', ...data])
  const { offsets: records } = JSON.parse(await succeed(['topics', 'describe', 'a', '--json', ...data]))
  expect(records).toBeLessThan(20_000)
  const [remain, gone] = [records.toLocaleString('en-US'), (20_000 - records).toLocaleString('en-US')]
  const expiring =
    records > 0 ? `; ${remain} are older than the topic's retention, and are deleted when their segment is closed` : ''
  expect(output).toContain(
    `20,000 records imported into a; the topic's retention has deleted ${gone} of them, and kept ${remain}${expiring} (`,
  )
  expect(output).toContain(
    'Event time: at, seconds since 1970, from 2001-01-01T00:01:00.000Z to 2001-01-01T05:34:19.000Z',
  )
})

/** The last text of each key: by the key itself, and by the key as a number. */
const LATEST_JOB = `import { job, json, stream, string, topic } from '@millrace/core'
const texts = stream(topic('texts', { key: string(), value: json() }))
export default job(
  'latest',
  texts.toTable('texts'),
  texts.keyBy((_, key) => Number(key), json()).toTable('numbers'),
)
`

test('a query prints the last entries, in either order, and reports how a key was read', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'texts', ...data])
  const values = [{ key: 'inside', at: 978336000000 }, { text: 'c' }, { text: 'b' }, { text: 'a' }]
  const lines = values.map((value, index) => `${JSON.stringify({ key: `${index + 1}`, value })}\n`)
  await succeed(['topics', 'produce', 'texts', '--records', ...data], { stdin: lines.join('') })
  const job = start(['run', folder.write('job.ts', LATEST_JOB), ...data])
  await job.line(/served at/)
  const query = (...args: string[]) => succeed(['query', ...args, '--after', 'texts/0=4', ...data])
  const keys = async (...args: string[]) => (await query('texts', '--json', ...args)).match(/(?<="key":")\d/g)?.join('')
  expect(await keys('--last', '2')).toBe('34')
  expect(await keys('--last', '2', '--reverse')).toBe('43')
  expect(await keys('--reverse')).toBe('4321')
  expect((await query('texts', '--last', '9')).split('\n')).toEqual([
    'key  value.key            at  text',
    '1    inside     978336000000',
    '2                             c',
    '3                             b',
    '4                             a',
    '',
  ])
  expect(JSON.parse(await query('numbers', '3', '--json'))).toEqual({ key: 3, value: { text: 'b' } })
  const missing = await run(['query', 'numbers', '12345', ...data])
  expect(missing.stderr).toContain(
    `for key 12345. Keys of this view are json, so 12345 was read as such a key. If the key is text, write '"12345"'`,
  )
  const rounded = await run(['query', 'numbers', '9007199254740993', ...data])
  expect(rounded.stderr).toContain(
    'BAD_INPUT: View numbers has no key 9007199254740993: JavaScript rounds it to 9007199254740992',
  )
  const one = await run(['query', 'texts', '1', '--last', '1', ...data])
  expect(one.stderr).toMatch(/BAD_USAGE: --last is for several entries/)
  const both = await run(['query', 'texts', '--last', '1', '--all', ...data])
  expect(both.stderr).toMatch(/BAD_USAGE: --last and --all exclude each other/)
  job.child.kill('SIGTERM')
  // Each record counts once, although a second stage reads it again.
  expect((await job.ended).stderr).toContain('latest has stopped: 4 records committed in ')
})

test('a query prints the first 20 entries, or as many as its options state', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'numbers', ...data])
  const keys = Array.from({ length: 25 }, (_, key) => `${JSON.stringify({ key: `${key}`, valueBase64: 'AAAAAQ==' })}\n`)
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: keys.join('') })
  const job = start(['run', '--no-check', folder.write('job.ts', SUMMING_JOB), ...data])
  await job.line(/served at/)
  const shown = async (...options: string[]) =>
    (await succeed(['query', 'sums', '--json', '--after', 'numbers/0=25', ...options, ...data])).trim().split('\n')
      .length
  expect(await Promise.all([shown(), shown('--all'), shown('--limit', '3')])).toEqual([20, 25, 3])
  job.child.kill('SIGTERM')
  await job.ended
})

test('a second process of a job joins it, and takes over when the first one dies', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  await succeed(['topics', 'create', 'numbers', '--data', folder.data])
  const args = ['run', '--no-check', folder.write('job.ts', SUMMING_JOB), '--data', folder.data]
  const job = start(args)
  await job.line(/served at/)
  const second = start(args)
  await second.line(/served at/)
  const other = await run([...args, '--guarantee', 'at-least-once'])
  expect(other.stderr).toMatch(/JOB_CHANGED.*guarantee/)
  expect(other.code).toBe(5)
  job.child.kill('SIGKILL')
  await job.ended
  const answer = async () => (await run(['query', 'sums', '--data', folder.data])).code
  await expect.poll(answer, { timeout: 10_000 }).toBe(0)
  second.child.kill('SIGTERM')
  expect((await second.ended).code).toBe(0)
})

test('a job that was killed does not count as running', { timeout: TIMEOUT_MS }, async () => {
  using folder = new UserFolder()
  await succeed(['topics', 'create', 'numbers', '--data', folder.data])
  const job = start(['run', '--no-check', folder.write('job.ts', SUMMING_JOB), '--data', folder.data])
  await job.line(/served at/)
  job.child.kill('SIGKILL')
  await job.ended
  const { code, stderr } = await run(['watch', 'sums', '--data', folder.data])
  expect(stderr).toContain('JOB_NOT_RUNNING')
  expect(code).toBe(4)
  expect((await run(['query', 'sums', '--data', folder.data])).stderr).toMatch(
    /^Job \S+ does not run: it has committed nothing/,
  )
})

test('a view that is added is refused, or started empty with a notice, and a reset computes it whole', {
  timeout: TIMEOUT_MS,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'numbers', ...data])
  const produce = () =>
    succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: '{"key":"k","valueBase64":"AAAAAQ=="}\n' })
  const more = SUMMING_JOB.replace("'summing',", "'summing', stream(numbers).groupByKey().count('counts'),")
  const runOnce = (content: string, ...options: string[]) =>
    run(['run', '--no-check', '--until-end', folder.write('job.ts', content), ...options, ...data])
  await produce()
  expect((await runOnce(SUMMING_JOB)).code).toBe(0)
  await produce()
  const refused = await runOnce(more)
  expect(refused.stderr).toContain('STORE_BEHIND')
  expect(refused.stderr).toContain('--accept-loss counts')
  expect(refused.code).toBe(5)
  const empty = await runOnce(more, '--accept-loss', 'counts')
  expect(empty.stderr).toContain('View counts counts from numbers/0=1 on')
  expect(empty.code).toBe(0)
  const job = start(['run', '--no-check', folder.write('job.ts', more), ...data])
  await job.line(/served at/)
  const query = await run(['query', 'counts', 'k', '--json', ...data])
  expect(query.stdout).toBe('{"key":"k","value":1}\n')
  expect(query.stderr).toContain('View counts counts from numbers/0=1 on')
  expect((await run(['query', 'sums', 'k', ...data])).stderr).toBe('')
  expect((await run(['reset', 'summing', '--yes', ...data])).stderr).toContain('JOB_RUNNING')
  job.child.kill('SIGTERM')
  await job.ended
  const answer = await run(['reset', 'summing', ...data])
  expect(answer.stdout).toContain('Would delete topic summing.changelog')
  expect(answer.code).toBe(1)
  expect(await succeed(['reset', 'summing', '--yes', ...data])).toContain('Deleted topic summing.changelog')
  expect((await runOnce(more)).code).toBe(0)
  const whole = start(['run', '--no-check', folder.write('job.ts', more), ...data])
  await whole.line(/served at/)
  expect(await succeed(['query', 'counts', 'k', '--json', ...data])).toBe('{"key":"k","value":2}\n')
  whole.child.kill('SIGTERM')
  await whole.ended
})
