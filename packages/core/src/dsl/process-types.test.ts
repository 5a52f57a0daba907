import { describe, expectTypeOf, test } from 'vitest'
import { json } from '../serdes/json.ts'
import { int64 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { job } from './job.ts'
import type { TimerTime } from './process-options.ts'
import { type ListState, listState, type MapState, mapState, type ValueState, valueState } from './state-cells.ts'
import type { Stream } from './stream.ts'
import { stream } from './stream-of.ts'
import type { Table } from './table.ts'
import { topic } from './topic.ts'

interface Reading {
  readonly kind: string
  readonly degrees: number
}

interface Alarm {
  readonly since: number
}

const readings = topic('readings', { key: string(), value: json<Reading>() })
const alarms = topic('alarms', { key: string(), value: json<Alarm>() })

const silence = stream(readings).process('silence', {
  value: json<Alarm>(),
  state: {
    last: valueState(json<Reading>()),
    recent: listState(int64(), { max: 10 }),
    byKind: mapState(string(), int64(), { ttl: '1d' }),
  },
  outputs: { counts: int64() },
  onRecord(reading, key, context) {
    expectTypeOf(reading).toEqualTypeOf<Reading>()
    expectTypeOf(key).toEqualTypeOf<string>()
    expectTypeOf(context.timestamp).toEqualTypeOf<number>()
    expectTypeOf(context.offset).toEqualTypeOf<number>()
    const { state, timers, outputs, emit } = context
    expectTypeOf(state.last).toEqualTypeOf<ValueState<Reading>>()
    expectTypeOf(state.recent).toEqualTypeOf<ListState<number>>()
    expectTypeOf(state.byKind).toEqualTypeOf<MapState<string, number>>()
    // @ts-expect-error: the step does not have this cell
    state.first.get()
    // @ts-expect-error: the cell keeps readings
    state.last.set({ kind: 'warm' })
    timers.quiet.after('2m')
    expectTypeOf(timers.daily.armed).toEqualTypeOf<TimerTime | undefined>()
    // @ts-expect-error: the step does not have this timer
    timers.loud.cancel()
    outputs.counts.emit(1)
    // @ts-expect-error: the output takes numbers
    outputs.counts.emit('one')
    emit({ since: context.timestamp })
    emit(null)
    // @ts-expect-error: an alarm has no such field
    emit({ until: 1 })
  },
  onTombstone(key, { state }) {
    expectTypeOf(key).toEqualTypeOf<string>()
    state.last.delete()
  },
  timers: {
    quiet(key, { emit, wallTime, timestamp, timers }) {
      expectTypeOf(key).toEqualTypeOf<string>()
      expectTypeOf(wallTime).toEqualTypeOf<number | undefined>()
      timers.daily.wallAfter('1d')
      emit({ since: timestamp })
    },
    daily: (_key, context) => {
      // @ts-expect-error: a timer belongs to no record
      context.offset
      // @ts-expect-error: the step does not have this timer
      context.timers.loud.cancel()
    },
  },
})

// Every line below is checked by the compiler; the calls themselves must not throw.
describe('types flow', () => {
  test('from what a process step declares to its callbacks, outputs and views', () => {
    expectTypeOf(silence).toExtend<Stream<string, Alarm>>()
    expectTypeOf(silence.outputs.counts).toEqualTypeOf<Stream<string, number>>()
    expectTypeOf(silence.views.last).toEqualTypeOf<Table<string, Reading>>()
    expectTypeOf(silence.views.byKind).toEqualTypeOf<Table<readonly [string, string], number>>()
    // @ts-expect-error: lists have no view
    silence.views.recent
    // @ts-expect-error: the step does not have this output
    silence.outputs.loud
    job('j', silence.to(alarms), silence.views.last)
  })

  test('in a step that only keeps state, and one that only emits', () => {
    const quiet = stream(readings).process('quiet', {
      onRecord(reading, _key, { emit }) {
        // @ts-expect-error: the step has no serde for what it emits
        emit(reading)
      },
    })
    expectTypeOf(quiet).toExtend<Stream<string, never>>()
    const passed = stream(readings).process('passed', {
      value: json<Reading>(),
      onRecord: (reading, _key, { emit }) => emit(reading),
    })
    expectTypeOf(passed).toExtend<Stream<string, Reading>>()
    stream(readings).process('timed', {
      value: json<number>(),
      onRecord: (_reading, _key, { timers }) => timers.quiet.after('2m'),
      timers: { quiet: (_key, { emit, timestamp }) => emit(timestamp - 120_000) },
    })
  })

  test('in a step with state for each task, whose emissions have keys', () => {
    const step = stream(readings).processTask('step', {
      key: int64(),
      value: json<Alarm>(),
      state: { seen: mapState(string(), int64()) },
      outputs: { counts: int64() },
      onRecord(reading, key, { state, timers, emit, outputs }) {
        expectTypeOf(reading).toEqualTypeOf<Reading>()
        expectTypeOf(key).toEqualTypeOf<string>()
        expectTypeOf(state.seen).toEqualTypeOf<MapState<string, number>>()
        timers.flush.after('1m')
        emit(1, { since: 2 })
        outputs.counts.emit(1, 2)
        // @ts-expect-error: the keys are numbers
        emit(key, { since: 2 })
        // @ts-expect-error: the step does not have this timer
        timers.loud.cancel()
      },
      timers: {
        flush(context) {
          expectTypeOf(context.wallTime).toEqualTypeOf<number | undefined>()
          context.emit(1, { since: context.timestamp })
        },
      },
    })
    expectTypeOf(step).toExtend<Stream<number, Alarm>>()
    expectTypeOf(step.outputs.counts).toEqualTypeOf<Stream<number, number>>()
    // @ts-expect-error: what tasks keep has no view
    step.views.seen
    const same = stream(readings).processTask('same', { value: json<Alarm>(), onRecord: () => undefined })
    expectTypeOf(same).toExtend<Stream<string, Alarm>>()
  })

  test('in whatever order the options stand', () => {
    const step = stream(readings).process('step', {
      timers: {
        quiet: (_key, { state, emit, timers }) => {
          expectTypeOf(state.last.get()).toEqualTypeOf<Reading | undefined>()
          timers.quiet.cancel()
          emit({ since: 1 })
        },
      },
      onTombstone: (_key, { state, outputs }) => {
        state.last.delete()
        outputs.counts.emit(1)
      },
      onRecord: (reading, _key, { state, timers }) => {
        state.last.set(reading)
        timers.quiet.at(5)
      },
      outputs: { counts: int64() },
      state: { last: valueState(json<Reading>()) },
      value: json<Alarm>(),
    })
    expectTypeOf(step).toExtend<Stream<string, Alarm>>()
    expectTypeOf(step.outputs.counts).toEqualTypeOf<Stream<string, number>>()
  })

  test('and records without keys have no state', () => {
    const keyless = stream(topic('keyless', { value: json<Reading>() }))
    // @ts-expect-error: the records have no key
    keyless.process('step', { onRecord: () => undefined })
  })
})
