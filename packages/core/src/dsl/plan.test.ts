import { Subject } from 'rxjs'
import { map, pairwise } from 'rxjs/operators'
import { describe, expect, test } from 'vitest'
import type { PlanNode } from '../plan/node.ts'
import { json } from '../serdes/json.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { otherwise } from './branches.ts'
import { durationMs } from './duration.ts'
import { PLAN } from './plan-value.ts'
import { stream } from './stream-of.ts'
import { topic } from './topic.ts'
import { viewOf } from './view.ts'
import { hopping, tumbling } from './windows.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const source = stream(numbers)

function nodeOf(value: { readonly [PLAN]: { readonly node: PlanNode } }): PlanNode {
  return value[PLAN].node
}

/** The labels from a step up to its source, through first inputs. */
function path(value: { readonly [PLAN]: { readonly node: PlanNode } }): string[] {
  const labels: string[] = []
  let node: PlanNode | undefined = nodeOf(value)
  while (node !== undefined) {
    labels.unshift(node.label)
    node = node.inputs[0]
  }
  return labels
}

/** The serdes of the first repartition above a step. */
function repartitionOf(value: { readonly [PLAN]: { readonly node: PlanNode } }) {
  let node: PlanNode | undefined = nodeOf(value)
  while (node !== undefined && node.kind !== 'repartition') node = node.inputs[0]
  return node
}

describe('a repartition topic', () => {
  test('comes before a step that keeps state if a callback made the key, under the name of its store', () => {
    const keyed = source.keyBy(String, string())
    expect(path(keyed.filter((n) => n > 1).toTable('a'))).toEqual([
      'stream "numbers"',
      'keyBy',
      'filter',
      'repartition "a"',
      'toTable "a"',
    ])
    expect(
      path(
        source
          .map((n) => [n, n])
          .groupByKey()
          .count('b'),
      ),
    ).toContain('repartition "b"')
    expect(
      path(
        source
          .flatMap((n) => [[n, n]])
          .groupByKey()
          .count('c'),
      ),
    ).toContain('repartition "c"')
    expect(path(source.merge(keyed).groupByKey().count('d'))).toContain('repartition "d"')
  })

  test('is left out if keys are as they were', () => {
    const same = source
      .mapValues((n) => n + 1)
      .filter((n) => n > 1)
      .flatMapValues((n) => [n])
      .peek(() => undefined)
      .pipe(map((n) => n))
    const { small } = same.split({ small: otherwise })
    expect(repartitionOf(small.merge(source).groupByKey().count('a'))).toBeUndefined()
    expect(repartitionOf(source.toTable('a').changes().toTable('b'))).toBeUndefined()
  })

  test('of one name can be shared by several steps', () => {
    const shared = source.keyBy(String, string()).repartition('shared', { partitions: 3 })
    const [a, b] = [shared.groupByKey().count('a'), shared.toTable('b')]
    expect(repartitionOf(a)).toBe(repartitionOf(b))
    expect(repartitionOf(a)).toMatchObject({ name: 'shared', partitions: 3 })
  })

  test('comes before streams whose keys are written differently are kept together', () => {
    const other = stream(topic('others', { key: json<string>(), value: int32() }))
    expect(repartitionOf(source.merge(other).toTable('a'))).toMatchObject({ name: 'a' })
  })

  test('is written with the serdes that are known, and with json where they are not', () => {
    const names = (value: Parameters<typeof repartitionOf>[0]) => {
      const node = repartitionOf(value)
      return [node?.key.name, node?.value.name]
    }
    expect(names(source.groupBy(String, string()).count('a'))).toEqual(['string', 'int32'])
    expect(names(source.groupBy(String).count('a'))).toEqual(['json', 'int32'])
    expect(names(source.map((n) => [n, n]).toTable('a'))).toEqual(['json', 'json'])
    expect(names(source.map((n) => [n, n], { key: int32(), value: int32() }).toTable('a'))).toEqual(['int32', 'int32'])
  })
})

describe('a view', () => {
  const windowedCount = source
    .groupByKey()
    .window(tumbling('1h', { retention: '1d' }))
    .count('counts')

  test('is addressed by its name, serdes and windows', () => {
    expect(viewOf(windowedCount)).toMatchObject({
      name: 'counts',
      key: { name: 'string' },
      value: { name: 'int64' },
      shape: { kind: 'window', sizeMs: 3_600_000 },
    })
    const named = windowedCount.mapValues(String, { name: 'texts', value: string() })
    expect(viewOf(named)).toMatchObject({
      name: 'texts',
      key: { name: 'string' },
      shape: { kind: 'window', sizeMs: 3_600_000 },
    })
    expect(viewOf(source.toTable('latest')).shape).toEqual({ kind: 'key' })
  })

  test('is refused for a table that keeps no rows', () => {
    expect(() => viewOf(windowedCount.mapValues(String))).toThrow(expect.objectContaining({ code: 'VIEW_MISSING' }))
  })

  test('has changes with windowed keys, and late records with the keys of the stream', () => {
    const [changes, late] = [windowedCount.changes(), windowedCount.late()]
    expect(changes[PLAN].key?.name).toBe('windowed(string)')
    expect(late[PLAN].key?.name).toBe('string')
    expect(nodeOf(late)).toMatchObject({ kind: 'late', inputs: [nodeOf(windowedCount)] })
    expect(repartitionOf(changes.toTable('again'))).toMatchObject({ key: { name: 'windowed(string)' } })
  })
})

test('a split tries the named branches in order, and the rest gets what none of them accepts, wherever it stands', () => {
  const isBig = (n: number) => n > 100
  const isOdd = (n: number) => n % 2 === 1
  const { rest, big, odd } = source.split({ rest: otherwise, big: isBig, odd: isOdd })
  expect(nodeOf(big)).toMatchObject({ before: [], fn: isBig })
  expect(nodeOf(odd)).toMatchObject({ before: [isBig], fn: isOdd })
  expect(nodeOf(rest)).toMatchObject({ before: [isBig, isOdd], fn: undefined })
})

test('the operators of a pipe are run one after the other', () => {
  const node = nodeOf(
    source.pipe(
      pairwise(),
      map(([a, b]) => b - a),
    ),
  )
  if (node.kind !== 'pipe') throw new Error('no pipe')
  const values = new Subject<never>()
  const seen: unknown[] = []
  node.connect(values).subscribe((value) => seen.push(value))
  for (const value of [1, 3, 10]) values.next(value as never)
  expect(seen).toEqual([2, 7])
})

test('the first value is the first total of a reduce', () => {
  const node = nodeOf(source.groupByKey().reduce('sum', (total, n) => total + n))
  if (node.kind !== 'aggregate') throw new Error('no aggregate')
  const add = node.add as (total: unknown, value: unknown) => unknown
  expect(node.init).toBeUndefined()
  expect(add(undefined, 5)).toBe(5)
  expect(add(5, 2)).toBe(7)
})

test('plan values cannot be changed', () => {
  const table = source
    .groupByKey()
    .window(hopping('1h', { advance: '10m' }))
    .count('a')
  for (const value of [numbers, source, table, nodeOf(source), nodeOf(table), source.to(topic('b', numbers))]) {
    expect(Object.isFrozen(value)).toBe(true)
  }
})

test.each([
  ['500ms', 500],
  ['10s', 10_000],
  ['5m', 300_000],
  ['1.5h', 5_400_000],
  ['1d', 86_400_000],
  [42, 42],
  ['1y', Number.NaN],
  ['h', Number.NaN],
] as const)('%j lasts %d ms', (text, ms) => {
  expect(durationMs(text as '1h')).toBe(ms)
})
