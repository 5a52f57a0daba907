import { describe, expect, test } from 'vitest'
import { job } from '../dsl/job.ts'
import { stream } from '../dsl/stream-of.ts'
import { topic } from '../dsl/topic.ts'
import { tumbling } from '../dsl/windows.ts'
import { json } from '../serdes/json.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { toTopology } from './to-topology.ts'

interface Flight {
  readonly origin: string
  readonly destination: string
  readonly delay: number
}

const flights = topic('flights', { key: string(), value: json<Flight>() })
const copies = topic('copies', { key: string(), value: json<Flight>() })

describe('a topology', () => {
  test('of a job without a key change is one subtopology, named after its first topic', () => {
    const late = stream(flights).filter((flight) => flight.delay > 15)
    const { subtopologies } = toTopology(job('copy', late.to(copies)))
    expect(subtopologies.map(({ id }) => id)).toEqual(['flights'])
    expect(subtopologies[0]?.inputs.map(({ topic }) => topic)).toEqual(['flights'])
    expect(subtopologies[0]?.nodes.map(({ label }) => label)).toEqual(['filter', 'to "copies"'])
  })

  test('is cut where a key change meets a step that keeps state', () => {
    const arrivals = stream(flights)
      .groupBy((flight) => flight.destination, string())
      .window(tumbling('1h'))
      .count('arrivals')
    const topology = toTopology(
      job(
        'counts',
        arrivals,
        arrivals
          .changes()
          .mapValues((n) => n + 1)
          .to(topic('out', { key: json(), value: int32() })),
      ),
    )
    expect(topology.changelog).toBe('counts.changelog')
    expect(topology.subtopologies.map(({ id, nodes }) => [id, nodes.map(({ label }) => label)])).toEqual([
      ['flights', ['groupBy', 'repartition "arrivals"']],
      ['counts.arrivals.repartition', ['count "arrivals"', 'changes', 'mapValues', 'to "out"']],
    ])
    expect(topology.views.map(({ name, subtopology }) => [name, subtopology])).toEqual([
      ['arrivals', 'counts.arrivals.repartition'],
    ])
    expect(topology.subtopologies[1]?.stores).toEqual([topology.views[0]?.store])
    expect(topology.views[0]?.store.shape).toEqual({ kind: 'window', sizeMs: 3_600_000 })
  })

  test('reads a topic once, however often it is named', () => {
    const a = stream(flights).groupByKey().count('a')
    const b = stream(topic('flights', { key: flights.key, value: flights.value }))
      .groupByKey()
      .count('b')
    const { subtopologies } = toTopology(job('twice', a, b))
    expect(subtopologies).toHaveLength(1)
    const [subtopology] = subtopologies
    expect(subtopology?.inputs).toHaveLength(1)
    for (const node of subtopology?.nodes ?? []) {
      expect(node.inputs[0]).toBe(subtopology?.inputs[0]?.node)
    }
  })
})

describe('subtopologies', () => {
  const numbers = (name: string) => stream(topic(name, { key: string(), value: int32() }))

  test('come after those that feed them, whatever order the outputs have', () => {
    const second = numbers('a').keyBy(String, string()).repartition('x').keyBy(String, string()).repartition('b')
    const out = topic('out', { key: string(), value: int32() })
    const late = numbers('c').merge(second).toTable('t')
    const { subtopologies } = toTopology(job('j', late, numbers('a').to(out)))
    expect(subtopologies.map(({ inputs }) => inputs.map((input) => input.topic))).toEqual([
      ['a'],
      ['j.x.repartition'],
      ['c', 'j.b.repartition'],
    ])
  })

  test('are one behind a repartition topic that several steps share', () => {
    const shared = numbers('a').keyBy(String, string()).repartition('shared')
    const { subtopologies } = toTopology(job('j', shared.toTable('x'), shared.groupByKey().count('y')))
    expect(subtopologies.map(({ id, stores }) => [id, stores.map(({ name }) => name)])).toEqual([
      ['a', []],
      ['j.shared.repartition', ['x', 'y']],
    ])
  })

  test('that nothing connects are apart, each with its own stores', () => {
    const { subtopologies } = toTopology(job('j', numbers('a').toTable('x'), numbers('b').toTable('y')))
    expect(subtopologies.map(({ id, stores }) => [id, stores.map(({ name }) => name)])).toEqual([
      ['a', ['x']],
      ['b', ['y']],
    ])
  })

  test('are the same each time', () => {
    const made = job('j', numbers('a').merge(numbers('b')).groupBy(String).count('x'), numbers('b').toTable('y'))
    expect(toTopology(made)).toEqual(toTopology(made))
  })
})

test('late records still belong to their aggregate if a topic is defined twice', () => {
  const again = stream(topic('flights', { key: flights.key, value: flights.value }))
  const counts = again.groupByKey().window(tumbling('1h')).count('counts')
  const made = job('late', stream(flights).groupByKey().count('all'), counts, counts.late().to(copies))
  const { nodes } = toTopology(made).subtopologies[0] ?? { nodes: [] }
  const late = nodes.find(({ kind }) => kind === 'late')
  expect(late).toBeDefined()
  expect(nodes).toContain(late?.inputs[0])
  expect(toTopology(made).views.map(({ name }) => name)).toEqual(['all', 'counts'])
})
