import { int32, job, stream, string, topic } from '@millrace/core'
import { toTopology } from '@millrace/core/internal'
import { expect, test } from 'vitest'
import { followersIn, readsKey, readsValue, remembers } from './edges.ts'

const numbers = topic('numbers', { key: string(), value: int32() })

test('an edge states into which port of a step it leads, also where one step feeds several', () => {
  const all = stream(numbers)
  const merged = all.merge(
    all.filter((value) => value > 1),
    all,
  )
  const [subtopology] = toTopology(job('j', merged.toTable('t'))).subtopologies
  const source = subtopology?.inputs[0]?.node ?? expect.fail()
  const edges = followersIn(subtopology ?? expect.fail())(source)
  expect(edges.map(({ node, port }) => [node.label, port])).toEqual([
    ['filter', 0],
    ['merge', 0],
    ['merge', 2],
  ])
})

test.each([
  [
    'a callback of the value, and a sink that copies keys',
    () =>
      stream(numbers)
        .filter((value) => value > 1)
        .to(numbers2()),
    false,
    true,
  ],
  [
    'a callback of the key',
    () =>
      stream(numbers)
        .filter((_value, key) => key > 'a')
        .to(numbers2()),
    true,
    true,
  ],
  ['a count by key', () => stream(numbers).groupByKey().count('c'), true, false],
  [
    'a count by another key',
    () =>
      stream(numbers)
        .groupBy((value) => value, int32())
        .count('c'),
    false,
    true,
  ],
  [
    'a count by a key of the key, behind a merge',
    () => stream(numbers).merge(stream(numbers)).groupByKey().count('c'),
    true,
    false,
  ],
])('%s reads what it can see, and no more', (_what, output, key, value) => {
  const [subtopology] = toTopology(job('j', output())).subtopologies
  const source = subtopology?.inputs[0]?.node ?? expect.fail()
  const followers = followersIn(subtopology ?? expect.fail())
  expect([readsKey(source, followers), readsValue(source, followers)]).toEqual([key, value])
})

function numbers2() {
  return topic('others', { key: string(), value: int32() })
}

const counts = stream(numbers).groupByKey().count('counts')

test.each([
  ['a view alone', () => counts, false],
  ['its changes in a topic', () => counts.changes().to(numbers2()), false],
  ['its changes behind a repartition topic', () => counts.changes().keyBy(String, string()).toTable('t'), false],
  ['its changes as another table', () => counts.changes().toTable('t'), true],
  [
    'a table of some of its rows',
    () =>
      counts
        .filter((count) => count > 1)
        .changes()
        .to(numbers2()),
    true,
  ],
  ['a join', () => counts.join('t', stream(numbers).toTable('n'), (count) => count), true],
])('what leaves a total is looked at again by %s: %s', (_what, output, expected) => {
  const { nodes, ...rest } =
    toTopology(job('j', output())).subtopologies.find(({ nodes }) => nodes.some(({ kind }) => kind === 'aggregate')) ??
    expect.fail()
  const total = nodes.find(({ kind }) => kind === 'aggregate') ?? expect.fail()
  expect(remembers(total, followersIn({ nodes, ...rest }))).toBe(expected)
})
