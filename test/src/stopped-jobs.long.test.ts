import { mkdirSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const TIMEOUT_MS = 60_000

const JOB = `
import { int64, json, job, serde, sessions, stream, string, topic, tumbling } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json<number>(), timestamp: (value) => value })
const own = serde<number>({ name: 'own', encode: (n) => new Uint8Array([n]), decode: ([n = 0]) => n })
const sums = stream(numbers).groupByKey().reduce('sums', (a, b) => a + b)
const tens = stream(numbers).groupByKey().window(tumbling(10)).count('tens')
const runs = stream(numbers).groupByKey().window(sessions({ gap: 5 })).count('runs')
const byValue = stream(numbers).groupBy((value) => value % 3, int64()).count('by-value')
const last = stream(numbers).groupByKey().aggregate('last', { init: () => 0, add: (_, n) => n, value: own })
export default job('batch', sums, tens, runs, byValue, last)
`

/** Runs the job to the end of some numbers; afterwards its views exist, and the job does not run. */
async function finishedJob(folder: UserFolder): Promise<string[]> {
  const data = ['--data', folder.data]
  await succeed(['topics', 'create', 'numbers', '--partitions', '2', ...data])
  const lines = [1, 2, 3, 14].flatMap((value) => ['a', 'b', 'c'].map((key) => JSON.stringify({ key, value })))
  await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: `${lines.join('\n')}\n` })
  await succeed(['run', '--no-check', '--until-end', folder.write('job.ts', JOB), ...data])
  return data
}

async function rows(args: readonly string[]): Promise<unknown[]> {
  const { code, stdout, stderr } = await run([...args, '--json'])
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/does not run: the view is as it was committed at 20/),
  })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const SUMS = ['a', 'b', 'c'].map((key) => ({ key, value: 20 }))

describe('a job that has ended', { timeout: TIMEOUT_MS }, () => {
  test('is queried: its keys, its windows and what stands behind a repartition', async () => {
    using folder = new UserFolder()
    const data = await finishedJob(folder)
    expect(await rows(['query', 'sums', ...data])).toEqual(SUMS)
    expect(await rows(['query', 'sums', 'b', ...data])).toEqual([SUMS[1]])
    expect(await rows(['query', 'tens', 'c', '--reverse', ...data])).toEqual([
      { key: 'c', window: { start: 10, end: 20 }, value: 1 },
      { key: 'c', window: { start: 0, end: 10 }, value: 3 },
    ])
    expect(await rows(['query', 'runs', 'c', ...data])).toEqual([
      { key: 'c', window: { start: 1, end: 8 }, value: 3 },
      { key: 'c', window: { start: 14, end: 19 }, value: 1 },
    ])
    expect(await rows(['query', 'runs', 'b', '--window', '1', ...data])).toEqual([
      { key: 'b', window: { start: 1, end: 8 }, value: 3 },
    ])
    expect(await rows(['query', 'by-value', ...data])).toEqual([
      { key: 0, value: 3 },
      { key: 1, value: 3 },
      { key: 2, value: 6 },
    ])
    expect(readdirSync(join(folder.data, 'state'))).toEqual(['batch'])
    await succeed(['topics', 'delete', 'numbers', ...data])
    expect(await rows(['query', 'sums', ...data])).toEqual(SUMS)

    expect((await run(['query', 'sums', 'x', ...data])).code).toBe(4)
    expect((await run(['query', 'none', ...data])).stderr).toContain('VIEW_MISSING')
    const own = await run(['query', 'last', ...data])
    expect(own.stderr).toMatch(/JOB_NOT_RUNNING.*its serde "own"/)
  })

  test('is queried, and what queries killed over a day ago left behind is removed', async () => {
    using folder = new UserFolder()
    const data = await finishedJob(folder)
    const [old, young] = ['old', 'young'].map((name) => join(folder.data, 'state', `.query-${name}`))
    for (const path of [old, young]) mkdirSync(path ?? '')
    const dayAgo = Date.now() / 1000 - 25 * 3600
    utimesSync(old ?? '', dayAgo, dayAgo)
    expect(await rows(['query', 'sums', ...data])).toEqual(SUMS)
    expect(readdirSync(join(folder.data, 'state'))).toEqual(['.query-young', 'batch'])
  })

  test('is chosen by its name, if several have had such a view', async () => {
    using folder = new UserFolder()
    const data = await finishedJob(folder)
    const other = folder.write('other.ts', JOB.replace("'batch'", "'other'"))
    await succeed(['run', '--no-check', '--until-end', other, ...data])
    const { code, stderr } = await run(['query', 'sums', ...data])
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/BAD_INPUT.*batch, other.*--job/) })
    expect(await rows(['query', 'sums', '--job', 'other', ...data])).toEqual(SUMS)
    expect((await run(['query', 'none', ...data])).stderr).toContain('JOB_NOT_RUNNING')
  })

  test('is queried from its changelog alone, if its local state is gone', async () => {
    using folder = new UserFolder()
    const data = await finishedJob(folder)
    rmSync(join(folder.data, 'state'), { recursive: true })
    expect(await rows(['query', 'sums', ...data])).toEqual(SUMS)
    expect(await rows(['query', 'tens', 'a', '--last', '1', ...data])).toEqual([
      { key: 'a', window: { start: 10, end: 20 }, value: 1 },
    ])
  })

  test('is queried also if it was killed, and continues with the right result', async () => {
    using folder = new UserFolder()
    const data = await finishedJob(folder)
    const job = start(['run', '--no-check', join(folder.path, 'job.ts'), ...data])
    await job.line(/served at/)
    await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: '{"key":"a","value":5}\n' })
    await expect
      .poll(() => run(['query', 'sums', 'a', '--json', ...data]).then(({ stdout }) => stdout), { timeout: 20_000 })
      .toMatch(/"value":25/)
    job.child.kill('SIGKILL')
    await job.ended
    expect(await rows(['query', 'sums', ...data])).toEqual([{ key: 'a', value: 25 }, ...SUMS.slice(1)])
    await succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: '{"key":"b","value":1}\n' })
    // The view does not contain a record that is not processed yet.
    expect(await rows(['query', 'sums', 'b', ...data])).toEqual([SUMS[1]])
    await succeed(['run', '--no-check', '--until-end', join(folder.path, 'job.ts'), ...data])
    expect(await rows(['query', 'sums', ...data])).toEqual([
      { key: 'a', value: 25 },
      { key: 'b', value: 21 },
      { key: 'c', value: 20 },
    ])
  })
})
