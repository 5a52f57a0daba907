import { job, json, string, table, topic } from '@millrace/core'
import { type StepNode, toTopology } from '@millrace/core/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CurrentRecord } from '../../task/current-record.ts'
import { CombinedTime } from '../../task/event-time.ts'
import { StepClock } from '../../task/step-clock.ts'
import { MapState } from '../../task/testing/map-state.ts'
import type { UnitRunner } from '../../task/unit-runner.ts'
import { compileStep } from '../compilers.ts'
import { StreamOperator, TableOperator } from '../operator.ts'
import type { StepContext } from '../step-context.ts'
import type { ClockedOperator } from '../time/clocked.ts'

interface Order {
  readonly customer: string | null
  readonly cents: number
}

const orders = table(topic('orders', { key: string(), value: json<Order>() }), 'orders')
const customers = table(topic('customers', { key: string(), value: json<string>() }), 'customers')
const textOf = ({ cents }: Order, name: string | null) => `${cents} of ${name}`
const joined = job(
  'j',
  orders.leftJoinBy('joined', customers, (order) => order.customer, textOf),
)
const steps = toTopology(joined).subtopologies.flatMap(({ nodes }) => nodes)

function step(kind: StepNode['kind']): StepNode {
  return steps.find((node) => node.kind === kind) ?? expect.fail()
}

class Outlet extends StreamOperator {
  readonly #send: (key: unknown, value: unknown, timestamp: number) => void

  constructor(send: (key: unknown, value: unknown, timestamp: number) => void) {
    super()
    this.#send = send
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    this.#send(key, value, timestamp)
  }
}

/** The rows that leave the join. Each change must state as the old row the one that it passed on before. */
class Rows extends TableOperator {
  readonly all = new Map<unknown, unknown>()
  /** The rows that were deleted, as often as they were. */
  readonly deleted: unknown[] = []

  change(key: unknown, value: unknown, old: unknown): void {
    expect(old).toEqual(this.all.get(key) ?? null)
    if (value === null) this.deleted.push(key)
    if (value === null) this.all.delete(key)
    else this.all.set(key, value)
  }
}

/** A step of one task, with its ports. What a record gives the step to do is done by `settle`, in pieces, with restarts. */
function task(kind: StepNode['kind'], after: StreamOperator | undefined, rows: TableOperator | undefined) {
  const node = step(kind)
  const state = new MapState(node.stores)
  const driven: ClockedOperator[] = []
  const emit: UnitRunner['emit'] = (from, key, value, old, at) => from.next.change(key, value, old, at)
  const context: Partial<StepContext> = {
    record: new CurrentRecord(),
    clock: new StepClock(),
    units: { emit } as UnitRunner,
    timeBefore: () => new CombinedTime('time', [], 0),
    drive: (operator) => driven.push(operator),
    keyValueStore: ({ name }) => state.keyValueStore(name),
    sortedStore: ({ name }) => state.sortedStore(name),
    resultsOf: ({ label }, key, value) => ({ step: label, policy: 'fail', key, value }),
    streamAfter: () => after ?? expect.fail(),
    tableAfter: () => rows,
  }
  const ports = compileStep(node, context as StepContext)()
  const settle = () => {
    for (const operator of driven) {
      for (let steps = 1; operator.dueAt !== Number.POSITIVE_INFINITY; steps++) {
        operator.step(0)
        if (steps % 3 === 0) operator.resume(undefined)
      }
    }
  }
  return { ports, state, settle }
}

/** The task that has each right key: two of them share one. */
const TASKS = new Map([
  ['an', 'one'],
  ['ann', 'one'],
  ['bob', 'other'],
])

/**
 * The three steps of a join. The second one has two tasks; what goes there, and what comes back, waits in a queue for each of
 * them, and in one for what does not go there.
 */
function setUp() {
  const rows = new Rows()
  const last = task('foreignRows', undefined, rows)
  const [matched, unmatched] = last.ports as [StreamOperator, StreamOperator]
  const queues = new Map<unknown, (() => void)[]>()
  const enqueue = (name: string, work: () => void) => queues.set(name, [...(queues.get(name) ?? []), work])
  const rights = new Map(
    ['one', 'other'].map((name) => {
      const back = new Outlet((left, answer, at) => enqueue(`from ${name}`, () => matched.process(left, answer, at)))
      return [name, task('foreignMatches', back, undefined)] as const
    }),
  )
  const nameOf = (key: unknown) => TASKS.get(key as string) ?? expect.fail()
  const process = (port: number, key: unknown, value: unknown, at: number) => {
    const { ports, settle } = rights.get(nameOf(key)) ?? expect.fail()
    const operator = ports[port] as StreamOperator
    operator.process(key, value, at)
    settle()
  }
  const out = new Outlet((key, reference, at) =>
    key === null
      ? enqueue('alone', () => unmatched.process((reference as { first: unknown }).first, reference, at))
      : enqueue(`to ${nameOf(key)}`, () => process(0, key, reference, at)),
  )
  const first = task('foreignKeys', out, undefined)
  return {
    rows,
    stores: [last.state, ...[...rights.values()].map(({ state }) => state)],
    changeLeft: (key: string, value: Order | null, old: Order | null) =>
      (first.ports[0] as TableOperator).change(key, value, old, 1),
    changeRight: (key: string, value: string | null) => enqueue(`to ${nameOf(key)}`, () => process(1, key, value, 1)),
    /** Does the next of one queue; false if they are all empty. */
    deliver(choice: number): boolean {
      const waiting = [...queues.values()].filter((queue) => queue.length > 0)
      waiting[choice % waiting.length]?.shift()?.()
      return waiting.length > 0
    },
  }
}

const customer = fc.constantFrom(...TASKS.keys())
const event = fc.oneof(
  fc.record({
    order: fc.constantFrom('1', '2', '3', '4', '5'),
    value: fc.option(fc.record({ customer: fc.option(customer), cents: fc.integer({ min: 0, max: 9 }) })),
  }),
  fc.record({ customer, name: fc.option(fc.constantFrom('A', 'B')) }),
  fc.record({ deliver: fc.nat({ max: 11 }) }),
)

test('a row that refers to others one after the other is never away in between, in whatever order they answer', () => {
  const places = fc.array(fc.option(customer), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(places, fc.infiniteStream(fc.nat({ max: 11 })), (references, choices) => {
      const { rows, changeLeft, deliver } = setUp()
      let old: Order | null = null
      for (const [cents, reference] of references.entries()) {
        const value = { customer: reference, cents }
        changeLeft('1', value, old)
        old = value
      }
      for (const choice of choices) if (!deliver(choice)) break
      expect(rows.all.get('1')).toBe(`${references.length - 1} of null`)
      expect(rows.deleted).toEqual([])
    }),
  )
})

test('a join by another key comes to the rows that there are, in whatever order its parts get what others send', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), fc.infiniteStream(fc.nat({ max: 11 })), (events, choices) => {
      const { rows, stores, changeLeft, changeRight, deliver } = setUp()
      const lefts = new Map<string, Order>()
      const rights = new Map<string, string>()
      for (const each of events) {
        if ('deliver' in each) deliver(each.deliver)
        else if ('order' in each) {
          changeLeft(each.order, each.value, lefts.get(each.order) ?? null)
          if (each.value === null) lefts.delete(each.order)
          else lefts.set(each.order, each.value)
        } else {
          changeRight(each.customer, each.name)
          if (each.name === null) rights.delete(each.customer)
          else rights.set(each.customer, each.name)
        }
      }
      for (const choice of choices) if (!deliver(choice)) break
      const expected = Array.from(lefts, ([key, order]): [string, string] => [
        key,
        textOf(order, rights.get(order.customer ?? '') ?? null),
      ])
      expect(rows.all).toEqual(new Map(expected))
      // Nothing is left of what is gone.
      const [last, ...others] = stores
      expect(last?.rows('joined')).toEqual(Object.fromEntries(expected))
      expect(Object.keys(last?.rows('joined.versions') ?? {}).sort()).toEqual([...lefts.keys()].sort())
      const referring = others.flatMap((state) => [...state.sortedStore('joined.references').inOrder()])
      expect(referring).toHaveLength([...lefts.values()].filter((order) => order.customer !== null).length)
    }),
    { numRuns: 1000 },
  )
})
