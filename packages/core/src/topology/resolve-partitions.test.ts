import { describe, expect, test } from 'vitest'
import { deadLetter, type Job, job } from '../dsl/job.ts'
import { stream } from '../dsl/stream-of.ts'
import { topic } from '../dsl/topic.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { resolvePartitions } from './resolve-partitions.ts'
import { toTopology } from './to-topology.ts'

const numbers = (name: string) => topic(name, { key: string(), value: int32() })
const a = stream(numbers('a'))
const b = stream(numbers('b'))

/** Partition counts by topic: sources, then what was resolved. */
function resolve(made: Job, counts: Readonly<Record<string, number>>) {
  const topology = toTopology(made)
  const plan = resolvePartitions(topology, (name) => counts[name])
  return {
    tasks: Object.fromEntries(topology.subtopologies.map((each) => [each.id, plan.tasks.get(each)])),
    repartition: Object.fromEntries(plan.repartitionTopics.map(({ topic: name, partitions }) => [name, partitions])),
    changelog: plan.changelogPartitions,
  }
}

describe('partitions', () => {
  test('of a repartition topic are those of the largest topic upstream, through several of them', () => {
    const small = a.repartition('small', { partitions: 2 }).keyBy(String, string()).toTable('again')
    expect(resolve(job('j', small), { a: 6 })).toEqual({
      tasks: { a: 6, 'j.small.repartition': 2, 'j.again.repartition': 6 },
      repartition: { 'j.small.repartition': 2, 'j.again.repartition': 6 },
      changelog: 6,
    })
  })

  test('of a repartition topic are those of the topic that is read together with it', () => {
    const merged = a.keyBy(String, string()).repartition('r').merge(b).toTable('t')
    expect(resolve(job('j', merged), { a: 6, b: 3 }).repartition).toEqual({ 'j.r.repartition': 3 })
  })

  test('must be equal for topics that are read together', () => {
    const merged = a.merge(b).toTable('t')
    expect(() => resolve(job('j', merged), { a: 6, b: 3 })).toThrow(
      expect.objectContaining({ code: 'JOB_INVALID', message: expect.stringContaining('"a" has 6, "b" has 3') }),
    )
    expect(resolve(job('j', merged), { a: 3, b: 3 }).tasks).toEqual({ a: 3 })
  })

  test('must be equal for the topics of tables that are joined', () => {
    const joined = a.toTable('one').join('t', b.toTable('other'), (one, other) => one + other)
    expect(() => resolve(job('j', joined), { a: 6, b: 3 })).toThrow(
      /"a" has 6, "b" has 3.*partitions: 6 }\) before it is merged or joined/,
    )
    const sent = a.toTable('one').join('t', b.repartition('b', { partitions: 6 }).toTable('other'), (one) => one)
    expect(resolve(job('j', sent), { a: 6, b: 3 }).tasks).toEqual({ a: 6, b: 3 })
  })

  test('that an unequal repartition topic requests are refused too', () => {
    const merged = a.repartition('r', { partitions: 4 }).merge(b).toTable('t')
    expect(() => resolve(job('j', merged), { a: 1, b: 3 })).toThrow(/"b" has 3, "j.r.repartition" has 4/)
  })
})

test('topics that are missing are all named, each with the command that creates it', () => {
  const made = job('j', a.to(numbers('out')), b.toTable('t')).onError({ callback: deadLetter('dead') })
  const error = expect.objectContaining({ code: 'TOPIC_MISSING' })
  expect(() => resolve(made, { a: 1 })).toThrow(error)
  for (const missing of ['out', 'b', 'dead']) {
    expect(() => resolve(made, { a: 1 })).toThrow(`millrace topics create ${missing} `)
  }
})

test('missing topics and unequal ones are reported together', () => {
  const made = job('j', a.merge(b).to(numbers('out')))
  expect(() => resolve(made, { a: 1, b: 2 })).toThrow(/Topic out does not exist(?:.|\n)*"a" has 1, "b" has 2/)
})
