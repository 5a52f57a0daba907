import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UserFolder } from './command/job-files.ts'
import { start, succeed } from './flights/command.ts'

const LATEST_JOB = `
import { job, json, stream, string, topic } from '@millrace/core'

const values = topic('copied', { key: string(), value: json() })
export default job('latest-values', stream(values).toTable('latest'))
`

/** JSON does not print the sign of a zero, so a store cannot keep it. */
const withoutNegativeZero = (json: string) => json.replace(/(?<=[[:,])-0(?:\.0*)?(?=[\],}])/g, '0')

test('any JSON value is the same after an import, a tail, a produce, a store and a query', {
  timeout: 120_000,
}, async () => {
  using folder = new UserFolder()
  const data = ['--data', folder.data]
  const awkward = [
    '"\\ud800"',
    '{"__proto__":1}',
    '{"a":{"constructor":[]}}',
    '0.1',
    '1e21',
    '5e-324',
    '"\\u0000\\u2028"',
    '{"":""}',
    'null',
    '""',
  ]
  const values = [...awkward, ...fc.sample(fc.json(), { numRuns: 300, seed: 7 }).map(withoutNegativeZero)]
  const file = folder.write('values.ndjson', values.map((value, id) => `{"id":"k${id}", "value": ${value}}\n`).join(''))
  await succeed(['topics', 'import', 'values', file, '--key', 'id', '--event-time', '2001-01-31', ...data])
  const lines = await succeed(['topics', 'tail', 'values', '--from', 'start', '--until-end', '--json', ...data])
  await succeed(['topics', 'produce', 'copied', '--create', '--records', ...data], { stdin: lines })
  const job = start(['run', '--no-check', folder.write('job.ts', LATEST_JOB), ...data])
  await job.line(/served at/)
  const answer = await succeed(['query', 'latest', '--all', '--json', '--after', `copied/0=${values.length}`, ...data])
  job.child.kill('SIGTERM')
  await job.ended
  const found = new Map(
    answer
      .trim()
      .split('\n')
      .map((line) => [JSON.parse(line).key, JSON.parse(line).value]),
  )
  expect(found.size).toBe(values.length)
  for (const [id, value] of values.entries())
    expect(found.get(`k${id}`)).toEqual({ id: `k${id}`, value: JSON.parse(value) })
})
