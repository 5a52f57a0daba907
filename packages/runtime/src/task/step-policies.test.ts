import {
  deadLetter,
  type ErrorPolicy,
  int32,
  job,
  type Output,
  otherwise,
  RecordError,
  type Stream,
  stream,
  string,
  topic,
  tumbling,
} from '@millrace/core'
import { policyText, readDeadLetter } from '@millrace/core/internal'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JobInLists } from './testing/job-in-lists.ts'
import { valuesOf } from './testing/listed-partition.ts'

const numbers = topic('numbers', { key: string(), value: int32(), aheadMax: 'unlimited' })
const sink = (name: string) => topic(name, { key: string(), value: int32() })

function refusing(bad: number) {
  return (value: number): number => {
    if (value === bad) throw new TypeError(`${value} is bad`)
    return value
  }
}

/** What became of the numbers 1 to 5: what came out, what failed where, and how many were left out. */
function resultsOf(lists: JobInLists, outputs: readonly string[]) {
  for (const value of [1, 2, 3, 4, 5]) lists.append(numbers, 'k', value, value)
  lists.run()
  return {
    ...Object.fromEntries(outputs.map((name) => [name, valuesOf(lists.topic(name).records)])),
    failed: lists.tasks.reduce((sum, { counts }) => sum + counts.failed, 0),
  }
}

describe('the policy of a stream', () => {
  test('counts for the steps behind it, until the next one, and for no step before or beside it', () => {
    const make = (before: number, behind: number, later: number, beside: number) => {
      const source = stream(numbers).mapValues(refusing(before), int32())
      const skipping = source.onError('skip').mapValues(refusing(behind), int32())
      const failing = skipping.onError('fail').mapValues(refusing(later), int32())
      return new JobInLists(
        job('j', failing.to(sink('a')), source.mapValues(refusing(beside), int32()).to(sink('b'))).onError({
          callback: deadLetter('dead'),
        }),
      )
    }
    const outputs = ['a', 'b', 'dead']
    const whole = [1, 3, 4, 5]
    expect(resultsOf(make(2, 0, 0, 0), outputs)).toEqual({ a: whole, b: whole, dead: [2], failed: 1 })
    expect(resultsOf(make(0, 2, 0, 0), outputs)).toEqual({ a: whole, b: whole, dead: [], failed: 1 })
    expect(resultsOf(make(0, 0, 0, 2), outputs)).toEqual({ a: whole, b: whole, dead: [2], failed: 1 })
    expect(() => resultsOf(make(0, 0, 2, 0), outputs)).toThrow(/2 is bad.*numbers\/0 offset 1/)
  })

  test('counts behind repartition topics and tables too', () => {
    const lists = new JobInLists(
      job(
        'j',
        stream(numbers)
          .onError('skip')
          .groupBy((value) => `g${value % 2}`, string())
          .reduce('largest', (_, value) => value)
          .changes()
          .mapValues(refusing(4), int32())
          .to(sink('a')),
      ),
    )
    expect(resultsOf(lists, ['a'])).toEqual({ a: [1, 2, 3, 5], failed: 1 })
  })

  test('of the stream on which a step was called counts for it, if it has several', () => {
    const skipping = stream(numbers).onError('skip')
    const failing = stream(numbers).onError('fail')
    const make = (merged: Stream<string, number>) =>
      new JobInLists(job('j', merged.mapValues(refusing(2), int32()).to(sink('a'))).onError({ callback: 'fail' }))
    expect(resultsOf(make(skipping.merge(failing)), ['a'])).toEqual({ a: [1, 1, 3, 3, 4, 4, 5, 5], failed: 1 })
    expect(() => resultsOf(make(failing.merge(skipping)), ['a'])).toThrow('2 is bad')
  })

  test('counts for side outputs and branches behind it', () => {
    const source = stream(numbers)
    const { odd, rest } = source.onError('skip').split({ odd: (value) => value % 2 === 1, rest: otherwise })
    const processed = rest.process('out', {
      outputs: { side: int32() },
      onRecord: (value, _key, { outputs }) => outputs.side.emit(value),
    })
    const lists = new JobInLists(
      job(
        'j',
        odd.mapValues(refusing(3), int32()).to(sink('a')),
        processed.outputs.side.mapValues(refusing(4), int32()).to(sink('b')),
      ),
    )
    expect(resultsOf(lists, ['a', 'b'])).toEqual({ a: [1, 5], b: [2], failed: 2 })
  })

  test('of a table counts for the steps that are made from it, and the table stays a view', () => {
    const latest = stream(numbers).toTable('latest')
    const make = (bad: number, policy: ErrorPolicy) => {
      const checked = latest.onError(policy)
      const doubled = checked.mapValues(refusing(bad), { value: int32() }).mapValues((value) => value * 2)
      const joined = checked.join('joined', latest, (left, right) => left + right, { value: int32() })
      return new JobInLists(
        job(
          'j',
          doubled.changes().to(sink('a')),
          joined.changes().to(sink('b')),
          latest.changes().to(sink('c')),
          checked,
        ),
      )
    }
    expect(resultsOf(make(2, 'skip'), ['a', 'c'])).toEqual({ a: [2, 6, 8, 10], c: [1, 3, 4, 5], failed: 1 })
    expect(() => resultsOf(make(2, 'fail'), ['a'])).toThrow('2 is bad')
    expect(resultsOf(make(0, 'fail'), ['a']).failed).toBe(0)
  })

  test('counts for the results of windows and for timers, and that of a step in front of them does not', () => {
    for (const policy of ['skip', 'fail'] as const) {
      const sums = stream(numbers)
        .onError(policy === 'skip' ? 'fail' : 'skip')
        .groupByKey()
        .window(tumbling(1))
        .reduce('sums', (a, b) => a + b, { emit: 'final' })
        .changes()
        .onError(policy)
        .map((sum, { key }) => [key, refusing(2)(sum)], { key: string(), value: int32() })
      const timed = stream(numbers)
        .onError(policy)
        .process('timed', {
          value: int32(),
          onRecord: (_value, _key, { timers }) => timers.due.after(0),
          timers: { due: (_key, { emit, timestamp }) => emit(refusing(3)(timestamp)) },
        })
      const lists = new JobInLists(job('j', sums.to(sink('a')), timed.to(sink('b'))))
      if (policy === 'skip') expect(resultsOf(lists, ['a', 'b'])).toEqual({ a: [1, 3, 4], b: [1, 2, 4, 5], failed: 2 })
      else expect(() => resultsOf(lists, ['a', 'b'])).toThrow(/2 is bad.*result of reduce "sums"/)
    }
  })
})

test('the task stops at a record whose dead letter the topic refuses', () => {
  const failing = stream(numbers).onError(deadLetter('dead')).mapValues(refusing(2), int32())
  const lists = new JobInLists(job('j', failing.to(sink('a'))))
  lists.topic('dead').refuse = () => {
    throw new RecordError('RECORD_TOO_LARGE', 'too large for dead')
  }
  expect(() => resultsOf(lists, ['a'])).toThrow('too large for dead')
  expect(valuesOf(lists.topic('a').records)).toEqual([1])
})

/** A step, and what is behind it. It fails for some values, and may begin with another policy. */
interface Tree {
  readonly via: 'mapValues' | 'toTable' | 'repartition'
  readonly policy: ErrorPolicy | undefined
  readonly bad: number
  readonly behind: readonly Tree[]
}

const policies = fc.constantFrom<ErrorPolicy>('fail', 'skip', 'skip', deadLetter('dead-a'), deadLetter('dead-b'))
const treesOf = (depth: number): fc.Arbitrary<Tree> =>
  fc.record({
    via: fc.constantFrom('mapValues', 'mapValues', 'toTable', 'repartition'),
    policy: fc.option(policies, { nil: undefined, freq: 2 }),
    bad: fc.nat(12),
    behind: depth === 0 ? fc.constant([]) : fc.array(treesOf(depth - 1), { maxLength: 3 }),
  })

/** The outputs of a tree: every step without another one behind it appends to its own topic. */
function outputsOf(from: Stream<string, number>, tree: Tree, name: string): Output[] {
  const source = tree.policy === undefined ? from : from.onError(tree.policy)
  const sent =
    tree.via === 'toTable'
      ? source.toTable(name).changes()
      : tree.via === 'repartition'
        ? source.repartition(name)
        : source
  const checked = sent.mapValues((value) => (value % 8 === tree.bad ? refusing(value)(value) : value), int32())
  if (tree.behind.length === 0) return [checked.to(sink(name))]
  return tree.behind.flatMap((each, index) => outputsOf(checked, each, `${name}-${index}`))
}

/** What a tree makes of values, computed record by record; undefined if the job stops. */
class Oracle {
  readonly topics = new Map<string, number[]>()
  /** What is behind repartition topics, in the order of the tasks. */
  readonly #sent = new Map<
    string,
    { readonly visit: (value: number, done: Done) => ErrorPolicy | undefined; values: number[] }
  >()

  run(values: readonly number[], tree: Tree, ofJob: ErrorPolicy): boolean {
    const visit = (value: number, done: Done) => this.#visit(value, tree, 't', ofJob, done)
    this.#sent.set('', { visit, values: [...values] })
    for (const { visit: unit, values: each } of this.#sent.values()) {
      for (const value of each) {
        const done: Done = []
        const failed = unit(value, done)
        if (failed === 'fail') return false
        if (failed === undefined) for (const effect of done) effect()
        else if (failed !== 'skip') this.#append(failed.deadLetter, value)
      }
    }
    return true
  }

  /** Adds what the value causes; returns the policy of the step that it fails in, if it does. */
  #visit(value: number, tree: Tree, name: string, before: ErrorPolicy, done: Done): ErrorPolicy | undefined {
    const policy = tree.policy ?? before
    const behind = (each: number, effects: Done): ErrorPolicy | undefined => {
      if (each % 8 === tree.bad) return policy
      if (tree.behind.length === 0) effects.push(() => this.#append(name, each))
      for (const [index, next] of tree.behind.entries()) {
        const failed = this.#visit(each, next, `${name}-${index}`, policy, effects)
        if (failed !== undefined) return failed
      }
      return undefined
    }
    if (tree.via !== 'repartition') return behind(value, done)
    done.push(() => {
      const sent = this.#sent.get(name) ?? { visit: behind, values: [] }
      sent.values.push(value)
      this.#sent.set(name, sent)
    })
    return undefined
  }

  #append(name: string, value: number): void {
    this.topics.set(name, [...(this.topics.get(name) ?? []), value])
  }
}

type Done = (() => void)[]

test('a record fails as a whole, by the policy of the step in which it fails, in any job', () => {
  fc.assert(
    fc.property(treesOf(3), policies, fc.array(fc.nat(20), { maxLength: 12 }), (tree, ofJob, values) => {
      const lists = new JobInLists(job('j', ...outputsOf(stream(numbers), tree, 't')).onError({ callback: ofJob }))
      for (const [at, value] of values.entries()) lists.append(numbers, 'k', value, at)
      const oracle = new Oracle()
      if (!oracle.run(values, tree, ofJob)) {
        expect(() => lists.run()).toThrow('is bad')
        return
      }
      lists.run()
      const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b)
      const names = [...new Set([...oracle.topics.keys(), 'dead-a', 'dead-b'])]
      for (const name of names) {
        expect(sorted(valuesOf(lists.topic(name).records)), name).toEqual(sorted(oracle.topics.get(name) ?? []))
      }
      for (const name of ['dead-a', 'dead-b']) {
        for (const { headers } of lists.topic(name).records) {
          expect(readDeadLetter(headers)).toMatchObject({ error: 'CALLBACK_FAILED', job: 'j', step: 'mapValues' })
        }
      }
    }),
    { numRuns: Number(process.env['MILLRACE_RANDOM_JOBS'] ?? 200) },
  )
})

test('a policy in words names the topic of its dead letters', () => {
  expect(['fail', 'skip', deadLetter('dead')].map((policy) => policyText(policy as ErrorPolicy))).toEqual([
    'fail',
    'skip',
    'dead letter to dead',
  ])
})
