import { expect, test } from 'vitest'
import { job } from '../dsl/job.ts'
import type { ProcessOptions } from '../dsl/process-options.ts'
import { listState, mapState, type StateCells, valueState } from '../dsl/state-cells.ts'
import { stream } from '../dsl/stream-of.ts'
import { topic } from '../dsl/topic.ts'
import { json } from '../serdes/json.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { toTopology } from '../topology/to-topology.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: json<unknown>() })

function made(options: Partial<ProcessOptions<string, number, StateCells, object, string, unknown>>) {
  const step = stream(numbers).process('step', {
    value: json<unknown>(),
    onRecord: () => undefined,
    ...options,
  } as never)
  return job('j', step.to(out))
}

const callback = () => undefined

test.each<[string, Parameters<typeof made>[0]]>([
  ['the max of list "all" must be a whole number from 1 to 10000', { state: { all: listState(int32(), { max: 0 }) } }],
  ['the max of list "all" must be a whole number', { state: { all: listState(int32(), { max: 10_001 }) } }],
  ['the max of list "all" must be a whole number', { state: { all: listState(int32(), {} as never) } }],
  ['the ttl of "last" must be more than 0', { state: { last: valueState(int32(), { ttl: 0 }) } }],
  ['the ttl of "last" must be more than 0', { state: { last: mapState(int32(), int32(), { ttl: 'day' as never }) } }],
  ['the cell "timers" would have the store of the timers', { state: { timers: valueState(int32()) } }],
  ['"a.b" is not a name for a cell, an output or a timer', { state: { 'a.b': valueState(int32()) } }],
  ['"a b" is not a name for a cell, an output or a timer', { timers: { 'a b': callback } }],
  ['"" is not a name for a cell, an output or a timer', { outputs: { '': int32() } }],
  ['what timers do must be functions', { onRecord: undefined as never }],
  ['what timers do must be functions', { timers: { quiet: 5 as never } }],
])('a job is refused: %s', (problem, options) => {
  expect(() => made(options)).toThrow(
    expect.objectContaining({ code: 'JOB_INVALID', message: expect.stringContaining(problem) }),
  )
})

test('a step that says all of it right is not', () => {
  const state = { all: listState(int32(), { max: 10_000 }), last: valueState(int32(), { ttl: '1d' }) }
  expect(() => made({ state, timers: { quiet: callback }, outputs: { side: int32() } })).not.toThrow()
})

test('a view of state can be an output of the job, and nothing else', () => {
  const state = { last: valueState(int32()) }
  const { views } = stream(numbers).process('step', { state, onRecord: () => undefined })
  const twice = toTopology(job('j', views.last, views.last)).views
  expect(twice.map(({ name }) => name)).toEqual(['step.last'])
  expect(() => job('j', views.last.changes().to(numbers))).toThrow(/changes reads the view of store step.last/)
  expect(() =>
    job(
      'j',
      views.last.filter(() => true, { name: 'f' }),
    ),
  ).toThrow(/reads the view of store step.last/)
})
