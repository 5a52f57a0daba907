import { test } from 'node:test'
import { int32, job, stream, string, topic } from '@millrace/core'
import { simulate } from '@millrace/testing'

/* A file of tests for Node's own runner. The second job is wrong: its test fails. */

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: int32() })
const records = Array.from({ length: 10 }, (_, value) => ({ key: `k${value % 3}`, value, timestamp: value }))
const options = { inputs: [{ topic: numbers, records }], seeds: 3 } as const

test('a job without anything outside', async () => {
  await simulate(job('right', stream(numbers).groupByKey().count('counts')), options)
})

test('a job with a counter outside', async () => {
  let count = 0
  await simulate(
    job(
      'wrong',
      stream(numbers)
        .mapValues(() => ++count, int32())
        .to(out),
    ),
    options,
  )
})
