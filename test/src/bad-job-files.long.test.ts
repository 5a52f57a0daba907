import { describe, test } from 'vitest'
import { bad, type Case, expectError } from './command/bad-input.ts'
import { SUMMING_JOB, UserFolder } from './command/job-files.ts'
import { succeed } from './flights/command.ts'

/** A job file whose callback returns a promise that rejects. */
const LOSING_JOB = `import { int32, job, stream, string, topic } from '@millrace/core'
const numbers = stream(topic('numbers', { key: string(), value: int32() }))
export default job('losing', numbers.peek(async () => { throw new Error('lost') }).toTable('latest'))
`

const CASES: readonly Case[] = [
  {
    what: 'a job file that is not there',
    args: () => ['run', 'nowhere.ts'],
    code: 4,
    message: ['FILE_MISSING', 'nowhere.ts'],
  },
  {
    what: 'a job file with a type error',
    args: (folder) => [
      'run',
      folder.write(
        'job.ts',
        SUMMING_JOB.replace('.groupByKey()', '.filter((value) => value.nothing > 1).groupByKey()'),
      ),
    ],
    code: 5,
    message: ['JOB_FILE_BROKEN', 'job.ts', "'nothing' does not exist", '--no-check'],
  },
  {
    what: 'a job file with a syntax error',
    args: (folder) => ['run', folder.write('job.ts', 'export default job(')],
    code: 5,
    message: ['JOB_FILE_BROKEN', 'job.ts', /TS1\d{3}|TS2\d{3}/],
  },
  {
    what: 'a job file with a syntax error that is not checked first',
    args: (folder) => ['run', '--no-check', folder.write('job.ts', 'export default job(')],
    code: 5,
    message: ['JOB_FILE_BROKEN', 'job.ts', 'SyntaxError'],
  },
  {
    what: 'a job file that never finishes loading',
    args: (folder) => ['run', '--no-check', folder.write('job.ts', 'await new Promise(() => {})\nexport default 1\n')],
    code: 5,
    message: ['JOB_FILE_BROKEN', 'job.ts', 'never finishes loading'],
  },
  {
    what: 'a promise that rejects, and that nothing waits for',
    args: async (folder) => {
      await succeed(['topics', 'create', 'numbers', '--data', folder.data])
      const stray = `Promise.reject(new Error('stray'))\nawait new Promise((resolve) => setTimeout(resolve, 100))\n`
      return ['run', '--no-check', folder.write('job.ts', SUMMING_JOB + stray)]
    },
    code: 1,
    message: [/^UNCAUGHT_ERROR: An error was not caught: Error: stray \(at .*job\.ts:\d+:\d+\)/m],
  },
  {
    what: 'an async callback that throws',
    args: async (folder) => {
      await succeed(['topics', 'create', 'numbers', '--data', folder.data])
      await succeed(['topics', 'produce', 'numbers', '--records', '--data', folder.data], {
        stdin: '{"key":"k","valueBase64":"AAAAAQ=="}\n',
      })
      return ['run', '--no-check', '--until-end', folder.write('job.ts', LOSING_JOB)]
    },
    code: 1,
    message: ['CALLBACK_FAILED', 'peek returned a promise'],
  },
  {
    what: 'a job file without a default export',
    args: (folder) => ['run', folder.write('job.ts', 'export const job = 1\n')],
    code: 5,
    message: ['JOB_FILE_BROKEN', 'job.ts', 'no default export', 'export default job('],
  },
  {
    what: 'a job file whose default export is no job',
    args: (folder) => ['run', folder.write('job.ts', 'export default { name: "x" }\n')],
    code: 5,
    message: ['JOB_FILE_BROKEN', 'job.ts', 'has a default export that is not a job', 'object'],
  },
  {
    what: 'a job that reads a topic that is not there',
    args: (folder) => ['run', '--until-end', folder.write('job.ts', SUMMING_JOB)],
    code: 4,
    message: ['TOPIC_MISSING', 'Topic numbers does not exist', 'millrace topics create numbers'],
  },
  {
    what: 'a record that the serde of the job does not fit',
    args: async (folder) => {
      const { data } = folder
      await succeed(['topics', 'create', 'numbers', '--data', data])
      await succeed(['topics', 'produce', 'numbers', '--key', 'k', '--data', data], { stdin: 'no int32\n' })
      return ['run', '--until-end', folder.write('job.ts', SUMMING_JOB)]
    },
    code: 1,
    message: ['RECORD_UNDECODABLE', 'numbers', 'int32', /offset 0/],
  },
  {
    what: 'a job in a package that npm init made',
    args: (folder) => {
      folder.write('package.json', '{ "type": "commonjs" }')
      return ['run', folder.write('job.ts', SUMMING_JOB), '--no-check']
    },
    code: 5,
    message: [
      'JOB_FILE_BROKEN',
      /"type": "commonjs" in .*package\.json/,
      'npm pkg set type=module',
      'name the file job.mts',
    ],
  },
]

describe('a job file that cannot be run is reported in one message that names it, with the right exit code:', () => {
  test.concurrent.each(CASES)('$what', { timeout: 60_000 }, async (given) => {
    using folder = new UserFolder()
    expectError(await bad(given, folder), given)
  })
})
