import { expect, test } from 'vitest'
import { json } from '../serdes/json.ts'
import { string } from '../serdes/string.ts'
import { job } from './job.ts'
import { unusedOutputs } from './made-outputs.ts'
import { stream } from './stream-of.ts'
import { topic } from './topic.ts'

// What one test makes stays known to the others: each has its own topics.
const plain = (name: string) => topic(name, { key: string(), value: json<number>() })

test('an output that is passed to no job is reported with its step and its topic', () => {
  const a = stream(plain('a'))
  const counts = a.groupByKey().count('counts')
  a.filter((value) => value > 5).to(plain('forgotten'))
  const made = job('forgetful', counts, a.to(plain('used')))
  expect(unusedOutputs(made)).toEqual([
    'The output to "forgotten" (behind filter, from topic a) belongs to no job, so it writes nothing. Pass it to job(…), or remove it',
  ])
  a.filter((value) => value > 5).to(plain('forgotten'))
  expect(unusedOutputs(made)).toHaveLength(1)
})

test('outputs of other jobs are not reported, whichever job was made first', () => {
  const b = stream(plain('b'))
  const [one, other] = [b.to(plain('one')), b.to(plain('other'))]
  const first = job('first', one)
  const second = job('second', other)
  expect([...unusedOutputs(first), ...unusedOutputs(second)]).toEqual([])
})

test('a plan that is built twice in one program is reported only if none of the two is run', () => {
  const build = () => {
    const rows = stream(plain('c')).groupByKey().count('rows')
    return { rows, output: rows.changes().to(topic('rows', { key: string(), value: json() })) }
  }
  // As a program that reads the view of a job that it does not run.
  build()
  const { rows, output } = build()
  expect(unusedOutputs(job('built', rows))).toHaveLength(1)
  expect(unusedOutputs(job('built', rows, output))).toEqual([])
  expect(unusedOutputs(job('built', rows))).toEqual([])
})

test('outputs of topics that the job does not read are reported only for the whole program', () => {
  const d = job('reads-d', stream(plain('d')).to(plain('of-d')))
  const source = stream(plain('e'))
  source.to(plain('of-e'))
  source.merge(stream(plain('f'))).to((value) => `chosen-${value}`)
  expect(unusedOutputs(d)).toEqual([])
  expect(unusedOutputs().filter((message) => /stream "e"|topics e/.test(message))).toEqual([
    'The output to "of-e" (behind stream "e") belongs to no job, so it writes nothing. Pass it to job(…), or remove it',
    'The output to a chosen topic (behind merge, from topics e, f) belongs to no job, so it writes nothing. Pass it to job(…), or remove it',
  ])
})

test('another copy of this package knows the same outputs', async () => {
  stream(plain('g')).to(plain('of-g'))
  const path = new URL('./made-outputs.ts?copy', import.meta.url).href
  const copy: { unusedOutputs: typeof unusedOutputs } = await import(path)
  expect(copy.unusedOutputs).not.toBe(unusedOutputs)
  expect(copy.unusedOutputs().filter((message) => message.includes('of-g'))).toHaveLength(1)
})
