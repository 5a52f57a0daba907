import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, start, succeed } from './flights/command.ts'

const KEYS = ['a', 'b', 'c']

/** The same job in two versions: one keeps sums in its view, the other maxima. */
function jobFile(reduce: string, ending: string): string {
  return `
import { json, job, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const totals = stream(numbers).keyBy((_, key) => key, string()).groupByKey().reduce('totals', ${reduce})
export default job('batch', totals)${ending}
`
}

test('two versions of a job run beside each other, each with its own results, and are distinguished by name', {
  timeout: 120_000,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  const sums = folder.write('sums.ts', jobFile('(a, b) => a + b', ''))
  const maxima = folder.write('maxima.ts', jobFile('(a, b) => Math.max(a, b)', '.withVersion(2)'))
  const produce = (...values: number[]) => {
    const lines = values.flatMap((value) => KEYS.map((key) => JSON.stringify({ key, value })))
    return succeed(['topics', 'produce', 'numbers', '--records', ...data], { stdin: `${lines.join('\n')}\n` })
  }
  const query = (...args: string[]) => run(['query', 'totals', '--json', ...args, ...data])
  const shows = async (value: number, ...args: string[]) => {
    const expected = KEYS.map((key) => `${JSON.stringify({ key, value })}\n`).join('')
    await expect.poll(() => query(...args).then(({ stdout }) => stdout), { timeout: 20_000 }).toBe(expected)
  }
  const startJob = async (file: string) => {
    const job = start(['run', '--no-check', file, ...data])
    await job.line(/served at/)
    return job
  }
  await succeed(['topics', 'create', 'numbers', '--partitions', '2', ...data])
  await produce(3, 2)

  const first = await startJob(sums)
  await shows(5)
  const second = await startJob(maxima)
  await shows(5, '--job', 'batch.version-1')
  await shows(3, '--job', 'batch.version-2')
  for (const args of [[], ['--job', 'batch']]) {
    const { code, stderr } = await query(...args)
    expect(code).toBe(1)
    expect(stderr).toMatch(/BAD_INPUT.*batch\.version-1, batch\.version-2\. Choose one with --job/)
  }
  expect((await query('--job', 'batch.version-3')).stderr).toMatch(/JOB_NOT_RUNNING/)

  // A version that dies continues by itself, while the other one goes on.
  second.child.kill('SIGKILL')
  await second.ended
  await shows(5, '--job', 'batch')
  await produce(9)
  await shows(14)
  const again = await startJob(maxima)
  await shows(9, '--job', 'batch.version-2')
  first.child.kill('SIGTERM')
  await first.ended
  await shows(9)
  await shows(9, '--job', 'batch')
  await produce(1, 20)
  await shows(20)
  again.child.kill('SIGTERM')
  await again.ended

  // The first version has seen none of what came after its end, and reads it now.
  expect(readdirSync(join(folder.data, 'state')).sort()).toEqual(['batch', 'batch.version-2'])
  expect((await query()).stderr).toMatch(/BAD_INPUT.*batch\.version-1, batch\.version-2\. Choose one with --job/)
  await succeed(['run', '--no-check', '--until-end', sums, ...data])
  await shows(35, '--job', 'batch.version-1')
  await succeed(['reset', 'batch.version-2', '--yes', ...data])
  await shows(35)
  await succeed(['run', '--no-check', '--until-end', maxima, ...data])
  await shows(20, '--job', 'batch.version-2')
})
