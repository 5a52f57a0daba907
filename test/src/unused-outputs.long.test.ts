import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { run, succeed } from './flights/command.ts'

const JOB = `
import { int32, job, stream, string, topic } from '@millrace/core'

const numbers = topic('numbers', { key: string(), value: int32() })
const others = topic('others', { key: string(), value: int32() })
const big = topic('big', { key: string(), value: int32() })

stream(numbers).filter((value) => value > 10).to(big)
stream(others).to(big)
export default job('summing', stream(numbers).groupByKey().reduce('sums', (a, b) => a + b))
`

const FORGOTTEN = [
  'The output to "big" (behind filter, from topic numbers) belongs to no job, so it writes nothing. Pass it to job(…), or remove it',
  'The output to "big" (behind stream "others") belongs to no job, so it writes nothing. Pass it to job(…), or remove it',
]

test('run and topology report each output that the job file makes and does not pass to its job, once', async () => {
  using folder = new UserFolder()
  const file = folder.write('job.ts', JOB)
  await succeed(['topics', 'create', 'numbers', '--data', folder.data])
  for (const args of [
    ['topology', file, '--json', '--no-check'],
    ['run', file, '--until-end', '--no-check', '--data', folder.data],
  ]) {
    const { code, stdout, stderr } = await run(args, { cwd: folder.path })
    expect(code).toBe(0)
    for (const message of FORGOTTEN) expect(stderr.split(message)).toHaveLength(2)
    if (args[0] === 'topology') expect(JSON.parse(stdout)).toMatchObject({ job: 'summing' })
  }
})
