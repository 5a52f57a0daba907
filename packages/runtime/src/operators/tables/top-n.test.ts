import { type Comparable, job, json, type Ranked, string, table, topic } from '@millrace/core'
import { type SortedStore, type StepNode, toTopology } from '@millrace/core/internal'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CurrentRecord } from '../../task/current-record.ts'
import { MapState } from '../../task/testing/map-state.ts'
import { compileStep } from '../compilers.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import type { StepContext } from '../step-context.ts'

interface Product {
  readonly shop: string
  readonly price: Comparable
}

type Row = readonly [key: string, product: Product]
type List = readonly Ranked<string, Product>[]

/** Few enough that also a task that has a third of the rows has rows behind its first ones. */
const SIZE = 2
const products = table(topic('products', { key: string(), value: json<Product>() }), 'products')

/** Zero has two forms, which are equal. */
function rankOf({ price }: Product): Comparable {
  return price === 0 ? -0 : price
}

function stepsOf(order: 'ascending' | 'descending'): readonly StepNode[] {
  const top = products.groupBy(({ shop }) => shop, string()).topN('top', SIZE, rankOf, { order })
  return toTopology(job('j', top)).subtopologies.flatMap(({ nodes }) => nodes)
}

/** Takes what leaves the first step. */
class Outlet extends StreamOperator {
  readonly process: (key: unknown, value: unknown, timestamp: number) => void

  constructor(process: (key: unknown, value: unknown, timestamp: number) => void) {
    super()
    this.process = process
  }
}

/** The lists that leave the second step. Each change must state as the old list the one that was passed on before. */
class Lists extends TableOperator {
  readonly all = new Map<unknown, List>()
  changes = 0

  change(group: unknown, value: unknown, old: unknown): void {
    expect(old).toEqual(this.all.get(group) ?? null)
    this.changes++
    if (value === null) this.all.delete(group)
    else this.all.set(group, value as List)
  }
}

/** Counts the entries that are read in the order of a store. */
class Reads {
  count = 0

  of(store: SortedStore<unknown, unknown, unknown>): SortedStore<unknown, unknown, unknown> {
    const counted = (bounds: Parameters<typeof store.inOrder>[0]) => this.#entries(store.inOrder(bounds))
    return { find: (key) => store.find(key), set: (...parameters) => store.set(...parameters), inOrder: counted }
  }

  *#entries<E>(entries: Iterable<E>): Generator<E, void> {
    for (const entry of entries) {
      this.count++
      yield entry
    }
  }
}

/** A step of one task. */
function task(
  node: StepNode,
  { reads, after, lists }: { reads: Reads; after?: StreamOperator; lists?: TableOperator },
) {
  const state = new MapState(node.stores)
  const context: Partial<StepContext> = {
    record: new CurrentRecord(),
    keyValueStore: ({ name }) => state.keyValueStore(name),
    sortedStore: ({ name }) => reads.of(state.sortedStore(name)),
    streamAfter: () => after ?? expect.fail(),
    tableAfter: () => lists,
  }
  const [port] = compileStep(node, context as StepContext)()
  return { port, state }
}

/** Both steps: the first one with several tasks, each with a queue of what it has sent and the second one has not got yet. */
function setUp(tasks: number, order: 'ascending' | 'descending' = 'descending') {
  const reads = new Reads()
  const lists = new Lists()
  const [rank, top] = ['rankRows', 'topRows'].map(
    (kind) => stepsOf(order).find((node) => node.kind === kind) ?? expect.fail(),
  ) as [StepNode, StepNode]
  const last = task(top, { reads, lists })
  const queues: (() => void)[][] = Array.from({ length: tasks }, () => [])
  const firsts = queues.map((queue) => {
    const after = new Outlet((group, change, at) =>
      queue.push(() => (last.port as StreamOperator).process(group, change, at)),
    )
    return task(rank, { reads, after })
  })
  return {
    reads,
    lists,
    states: firsts.map(({ state }) => state),
    last: last.state,
    /** The task of a row depends on its key. */
    change(key: string, value: Product | null): void {
      const { port } = firsts[Buffer.from(key).readUInt8() % tasks] ?? expect.fail()
      const operator = port as TableOperator
      operator.change(key, value, null, 1)
    },
    /** Delivers the next of one queue; false if they are all empty. */
    deliver(choice: number): boolean {
      const waiting = queues.filter((queue) => queue.length > 0)
      waiting[choice % waiting.length]?.shift()?.()
      return waiting.length > 0
    },
  }
}

/** Keys, and the texts among the ranks, whose order by code point differs from that by units of UTF-16. */
const key = fc.constantFrom(...'abcdefghijklm', 'ba', '\uffee', '😀', '\0')
const price = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0.5, -2.5, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE),
  fc.constantFrom('', 'a', 'ab', 'b', '\0', '\uffee', '😀'),
)
const product = fc.record({ shop: fc.constantFrom('x', 'xy'), price })

/** All rows of a shop in order. */
function ranked(rows: ReadonlyMap<string, Product>, shop: string, order: 'ascending' | 'descending'): Row[] {
  const sign = order === 'ascending' ? 1 : -1
  return [...rows]
    .filter(([, row]) => row.shop === shop)
    .sort(([a, left], [b, right]) => sign * compare(left.price, right.price) || compareTexts(a, b))
}

function compare(a: Comparable, b: Comparable): number {
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b)
  if (typeof a === 'number' && typeof b === 'number') return a - b === 0 ? 0 : a < b ? -1 : 1
  return typeof a === 'number' ? -1 : 1
}

function compareTexts(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** The first rows of each shop. */
function expectedLists(rows: ReadonlyMap<string, Product>, order: 'ascending' | 'descending'): Map<string, List> {
  const shops = new Set([...rows.values()].map(({ shop }) => shop))
  return new Map(
    Array.from(shops, (shop) => [
      shop,
      ranked(rows, shop, order)
        .slice(0, SIZE)
        .map(([rowKey, value], index) => ({ rank: index + 1, key: rowKey, value })),
    ]),
  )
}

const event = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key, value: fc.option(product, { freq: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ deliver: fc.nat({ max: 11 }) }) },
)

describe('the first rows of groups', () => {
  test.each([1, 2, 3])('are those of a sort of all rows, with %i tasks that send in any order', (tasks) => {
    const order = fc.constantFrom('ascending' as const, 'descending' as const)
    const choices = fc.infiniteStream(fc.nat({ max: 11 }))
    fc.assert(
      fc.property(
        order,
        fc.array(event, { minLength: 10, maxLength: 120 }),
        choices,
        (theOrder, events, deliveries) => {
          const { lists, states, last, change, deliver } = setUp(tasks, theOrder)
          const rows = new Map<string, Product>()
          for (const each of events) {
            if ('deliver' in each) deliver(each.deliver)
            else {
              change(each.key, each.value)
              if (each.value === null) rows.delete(each.key)
              else rows.set(each.key, each.value)
            }
          }
          for (const choice of deliveries) if (!deliver(choice)) break
          const expected = expectedLists(rows, theOrder)
          expect(lists.all).toEqual(expected)
          expect(last.rows('top')).toEqual(Object.fromEntries(expected))
          // Nothing is left of what is gone, and the last step has the first rows of each task alone.
          expect(states.flatMap((state) => Object.keys(state.rows('top.rows'))).sort()).toEqual([...rows.keys()].sort())
          const groups = states.flatMap((state) => Object.keys(state.rows('top.reach')))
          expect(new Set(groups)).toEqual(new Set(expected.keys()))
          expect(Object.keys(last.rows('top.candidates')).length).toBeLessThanOrEqual(groups.length * SIZE)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('change once at each change of a row in them, and not at a change behind them', () => {
    const value = fc.option(product, { freq: 4 })
    fc.assert(
      fc.property(fc.array(fc.record({ key, value }), { minLength: 30, maxLength: 80 }), (events) => {
        const { lists, change, deliver } = setUp(2)
        const rows = new Map<string, Product>()
        for (const { key: rowKey, value: row } of events) {
          const before = expectedLists(rows, 'descending')
          if (row === null) rows.delete(rowKey)
          else rows.set(rowKey, row)
          const after = expectedLists(rows, 'descending')
          const isIn = (all: Map<string, List>, shop: string) =>
            all.get(shop)?.some((ranked) => ranked.key === rowKey) === true
          const shops = new Set([...before.keys(), ...after.keys()])
          const touched = [...shops].filter((shop) => isIn(before, shop) || isIn(after, shop))
          lists.changes = 0
          change(rowKey, row)
          while (deliver(0));
          expect(lists.all).toEqual(after)
          expect(lists.changes).toBe(touched.length)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('cost at most two reads of the order for a change, in each of the two steps, however many rows have one rank', () => {
    const { reads, lists, change, deliver } = setUp(1)
    const send = (rowKey: string, value: Product | null) => {
      reads.count = 0
      change(rowKey, value)
      const [ranking, perRecord] = [reads.count, [] as number[]]
      for (reads.count = 0; deliver(0); reads.count = 0) perRecord.push(reads.count)
      expect(Math.max(ranking, ...perRecord)).toBeLessThanOrEqual(2)
    }
    const keyAt = (index: number) => `k${String(index).padStart(3, '0')}`
    for (let index = 0; index < 100; index++) send(keyAt(index), { shop: 'x', price: 1 })
    for (let index = 0; index < 90; index++) send(keyAt(index), null)
    send(keyAt(90), { shop: 'x', price: 0 })
    send(keyAt(99), { shop: 'x', price: 2 })
    expect(lists.all.get('x')?.map((row) => row.key)).toEqual([keyAt(99), keyAt(91)])
  })
})
