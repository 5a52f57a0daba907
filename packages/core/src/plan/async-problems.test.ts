import { expect, test } from 'vitest'
import type { MapAsyncOptions } from '../dsl/async-options.ts'
import { job } from '../dsl/job.ts'
import { stream } from '../dsl/stream-of.ts'
import { topic } from '../dsl/topic.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { toTopology } from '../topology/to-topology.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: int32() })

const made = (options: MapAsyncOptions<number>, fn = async (value: number) => value) =>
  job(
    'j',
    stream(numbers)
      .mapAsync('calls', fn, { value: int32(), ...options })
      .to(out),
  )

const LONGEST_MS = 2 ** 31 - 1

test.each<[string, MapAsyncOptions<number>]>([
  ['concurrency must be a whole number from 1 to 1024', { concurrency: 0 }],
  ['concurrency must be a whole number from 1 to 1024', { concurrency: 1025 }],
  ["order must be 'input' or 'any'", { order: 'none' as never }],
  ['rate.calls must be a whole number from 1 to 100000', { rate: { calls: 0, per: '1s' } }],
  ['rate.calls must be a whole number from 1 to 100000', { rate: { calls: 100_001, per: '1s' } }],
  ['rate.per must be from 1 ms to 2147483647 ms', { rate: { calls: 1, per: 0 } }],
  ['timeout must be from 1 ms to 2147483647 ms', { timeout: 0 }],
  ['timeout must be from 1 ms to 2147483647 ms', { timeout: LONGEST_MS + 1 }],
  ['retry.times must be a whole number, at least 0', { retry: { times: -1 } }],
  ['retry.backoff must be at most 2147483647 ms', { retry: { times: 1, backoff: 'soon' as never } }],
  ['retry.backoffMax must be at most 2147483647 ms', { retry: { times: 1, backoffMax: '30d' } }],
  ['retry.budget must be a number of whole ms', { retry: { times: 1, budget: -1 } }],
])('a job is refused: %s', (problem, options) => {
  expect(() => made(options)).toThrow(
    expect.objectContaining({ code: 'JOB_INVALID', message: expect.stringContaining(problem) }),
  )
})

test.each([
  ['by and join must be functions', { by: 5 as never }],
  ['cache.size must be a whole number from 1 to 1000000', { cache: { size: 0 } }],
  ['cache.size must be a whole number from 1 to 1000000', { cache: { size: 1_000_001 } }],
  ['cache.ttl must be more than 0', { cache: { ttl: 0 } }],
] as const)('a job with a remote join is refused: %s', (problem, options) => {
  const remote = { by: (value: number) => value, lookup: async () => 1, join: () => 1, value: int32(), ...options }
  expect(() => job('j', stream(numbers).joinRemote('calls', remote).to(out))).toThrow(problem)
})

test('a callback that is not a function is refused', () => {
  expect(() => made({}, undefined)).not.toThrow()
  expect(() => made({}, 5 as never)).toThrow('its callback must be a function')
})

test('calls may be tried for ever, and wait as long as a timer can', () => {
  const retry = {
    times: Number.POSITIVE_INFINITY,
    backoff: LONGEST_MS,
    backoffMax: LONGEST_MS,
    budget: '365d',
  } as const
  const [subtopology] = toTopology(
    made({ concurrency: 1024, rate: { calls: 100_000, per: '1s' }, timeout: LONGEST_MS, retry }),
  ).subtopologies
  expect(subtopology?.nodes[0]).toMatchObject({ kind: 'async', calls: { retries: Number.POSITIVE_INFINITY } })
})
