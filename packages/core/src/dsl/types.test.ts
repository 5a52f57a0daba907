import { map, pairwise } from 'rxjs'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { json } from '../serdes/json.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { windowed } from '../serdes/windowed.ts'
import { otherwise } from './branches.ts'
import { job } from './job.ts'
import type { SessionStream } from './session-stream.ts'
import type { Stream } from './stream.ts'
import { stream } from './stream-of.ts'
import type { Table } from './table.ts'
import { table } from './table-of.ts'
import { topic } from './topic.ts'
import { type ViewKey, type ViewValue, type ViewWindow, viewOf } from './view.ts'
import type { Window, Windowed } from './windowed.ts'
import type { WindowedTable } from './windowed-table.ts'
import { calendar, countWindow, hopping, sessions, sliding, tumbling } from './windows.ts'

interface Flight {
  readonly origin: string
  readonly destination: string
  readonly delay: number
  readonly date: number
}

interface LateFlight extends Flight {
  readonly reason: string
}

interface Delays {
  readonly flights: number
  readonly minutes: number
}

const flights = topic('flights', { key: string(), value: json<Flight>(), timestamp: (flight) => flight.date })
const source = stream(flights)

const isLate = (flight: Flight): flight is LateFlight => flight.delay > 15

// Every line below is checked by the compiler; the calls themselves must not throw.
describe('types flow', () => {
  test('from a topic to its stream, and into every callback', () => {
    expectTypeOf(source).toEqualTypeOf<Stream<string, Flight>>()
    source.filter((flight, key, context) => {
      expectTypeOf(flight).toEqualTypeOf<Flight>()
      expectTypeOf(key).toEqualTypeOf<string>()
      expectTypeOf(context.timestamp).toEqualTypeOf<number>()
      return true
    })
    // @ts-expect-error: a flight has no such field
    source.filter((flight) => flight.delayed > 15)
    // @ts-expect-error: a promise is not an answer
    source.filter(async (flight) => flight.delay > 15)
    // @ts-expect-error: a flight has no such field
    topic('wrong', { key: string(), value: json<Flight>(), timestamp: (flight) => flight.time })
  })

  test('through steps that change keys and values', () => {
    expectTypeOf(source.map((flight) => [flight.delay, flight.origin])).toEqualTypeOf<Stream<number, string>>()
    expectTypeOf(source.mapValues((flight) => flight.delay)).toEqualTypeOf<Stream<string, number>>()
    expectTypeOf(source.keyBy((flight) => flight.delay)).toEqualTypeOf<Stream<number, Flight>>()
    expectTypeOf(source.flatMapValues((flight) => [flight.delay])).toEqualTypeOf<Stream<string, number>>()
    expectTypeOf(source.flatMap((flight) => [[flight.delay, flight.origin]])).toEqualTypeOf<Stream<number, string>>()
    // @ts-expect-error: the serde is for other values
    source.mapValues((flight) => flight.origin, int32())
    // @ts-expect-error: the serde is for other keys
    source.groupBy((flight) => flight.origin, int32())
  })

  test('and a bare json() takes the type that is known', () => {
    expectTypeOf(source.mapValues((flight) => flight.delay, json())).toEqualTypeOf<Stream<string, number>>()
    expectTypeOf(source.keyBy((flight) => flight.delay, json())).toEqualTypeOf<Stream<number, Flight>>()
    const untyped = stream(topic('untyped', { key: string(), value: json() }))
    expectTypeOf(untyped).toEqualTypeOf<Stream<string, unknown>>()
    // @ts-expect-error: the type of the values is not given
    untyped.filter((value) => value.delay > 15)
  })

  test('through type guards', () => {
    expectTypeOf(source.filter(isLate)).toEqualTypeOf<Stream<string, LateFlight>>()
    expectTypeOf(source.filterNot(isLate)).toEqualTypeOf<Stream<string, Exclude<Flight, LateFlight>>>()
    const { late, far, rest } = source.split({
      late: isLate,
      far: (flight) => flight.origin !== 'ATL',
      rest: otherwise,
    })
    expectTypeOf(late).toEqualTypeOf<Stream<string, LateFlight>>()
    expectTypeOf(far).toEqualTypeOf<Stream<string, Flight>>()
    expectTypeOf(rest).toEqualTypeOf<Stream<string, Flight>>()
    // @ts-expect-error: there is no such branch
    source.split({ late: isLate }).early
    // @ts-expect-error: a flight has no such field
    source.split({ late: (flight) => flight.delayed })
  })

  test('through merges and RxJS operators', () => {
    expectTypeOf(source.merge(stream(topic('n', { key: int32(), value: int32() })))).toEqualTypeOf<
      Stream<string | number, Flight | number>
    >()
    expectTypeOf(
      source.pipe(
        pairwise(),
        map(([before, now]) => now.delay - before.delay),
      ),
    ).toEqualTypeOf<Stream<string, number>>()
  })

  test('so that a topic without keys works by key only once a key was chosen', () => {
    const readings = topic('readings', { value: json<Flight>(), timestamp: (flight) => flight.date })
    const keyless = stream(readings)
    expectTypeOf(keyless).toEqualTypeOf<Stream<null, Flight>>()
    const late = keyless.filter((flight, key) => {
      expectTypeOf(key).toEqualTypeOf<null>()
      return flight.delay > 15
    })
    late.to(topic('late', { value: json<Flight>() }))
    expectTypeOf(late.keyBy((flight) => flight.origin)).toEqualTypeOf<Stream<string, Flight>>()
    expectTypeOf(late.groupBy((flight) => flight.origin).count('a')).toEqualTypeOf<Table<string, number>>()
    // @ts-expect-error: the records have no key
    late.groupByKey()
    // @ts-expect-error: the records have no key
    late.toTable('b')
    // @ts-expect-error: the records have no key
    late.repartition('c')
    // @ts-expect-error: the records have no key
    table(readings, 'd')
    // @ts-expect-error: some of the records have no key
    late.merge(source).groupByKey()
    // @ts-expect-error: some of the records get no key
    expect(late.groupBy((flight) => (flight.delay > 60 ? null : flight.origin)).count('e')).toBeDefined()
    // @ts-expect-error: the topic takes keys
    late.to(flights)
    // @ts-expect-error: the topic takes no keys
    source.to(readings)
    source.keyBy(() => null).to(readings)
    // @ts-expect-error: a flight has no such field
    topic('wrong', { value: json<Flight>(), timestamp: (flight) => flight.time })
    expectTypeOf(stream(topic('untyped', { key: json(), value: json() })).toTable('f')).toEqualTypeOf<
      Table<unknown, unknown>
    >()
  })

  test('into totals', () => {
    const grouped = source.groupBy((flight) => flight.destination, string())
    expectTypeOf(grouped.count('a')).toEqualTypeOf<Table<string, number>>()
    expectTypeOf(grouped.reduce('b', (a, b) => (a.delay > b.delay ? a : b))).toEqualTypeOf<Table<string, Flight>>()
    const delays = grouped.aggregate('c', {
      init: () => ({ flights: 0, minutes: 0 }),
      add: (total, flight) => ({ flights: total.flights + 1, minutes: total.minutes + flight.delay }),
      value: json(),
    })
    expectTypeOf<ViewValue<typeof delays>>().toEqualTypeOf<{ flights: number; minutes: number }>()
    expectTypeOf(grouped.aggregate('d', { init: () => 0, add: (n, flight) => n + flight.delay })).toEqualTypeOf<
      Table<string, number>
    >()
    expectTypeOf(
      grouped.aggregate<Delays>('e', { init: () => ({ flights: 0, minutes: 0 }), add: (total) => total }),
    ).toEqualTypeOf<Table<string, Delays>>()
    // @ts-expect-error: the total has no such field
    grouped.aggregate('f', { init: () => ({ flights: 0 }), add: (total) => ({ flights: total.minutes }) })
    // @ts-expect-error: the new total is of another type
    grouped.aggregate('g', { init: () => ({ flights: 0 }), add: () => 'none' })
    // @ts-expect-error: the serde is for other totals
    grouped.aggregate('h', { init: () => 0, add: (total) => total, value: string() })
    // @ts-expect-error: only windows have a final result
    grouped.count('i', { emit: 'final' })
  })

  test('into the rows of joined tables', () => {
    const airports = table(flights, 'airports')
    const counts = source.groupByKey().count('counts')
    const joined = airports.join('a', counts, (flight, count, key) => {
      expectTypeOf(flight).toEqualTypeOf<Flight>()
      expectTypeOf(count).toEqualTypeOf<number>()
      expectTypeOf(key).toEqualTypeOf<string>()
      return { delay: flight.delay, count }
    })
    expectTypeOf(joined).toEqualTypeOf<Table<string, { delay: number; count: number }>>()
    const left = airports.leftJoin('b', counts, (flight, count) => {
      expectTypeOf(flight).toEqualTypeOf<Flight>()
      expectTypeOf(count).toEqualTypeOf<number | null>()
      return count ?? 0
    })
    expectTypeOf(left).toEqualTypeOf<Table<string, number>>()
    const outer = airports.outerJoin('c', counts, (flight, count) => {
      expectTypeOf(flight).toEqualTypeOf<Flight | null>()
      expectTypeOf(count).toEqualTypeOf<number | null>()
      return flight === null ? null : flight.origin
    })
    // A row without a result is left out: it is not a value.
    expectTypeOf(outer).toEqualTypeOf<Table<string, string>>()
    expectTypeOf(airports.join('d', counts, (_, count) => count, { value: int32() })).toEqualTypeOf<
      Table<string, number>
    >()
    const hourly = source.groupByKey().window(tumbling('1h')).count('hourly')
    const both = hourly.join('e', hourly, (a, b, { window }) => window.start + a + b)
    expectTypeOf<ViewWindow<typeof both>>().toEqualTypeOf<Window>()
    // @ts-expect-error: the keys of one table have windows
    airports.join('f', hourly, (flight) => flight)
    // @ts-expect-error: a table without a row on this side has no value there
    airports.leftJoin('g', counts, (_, count) => count + 1)
    // @ts-expect-error: the serde is for other rows
    airports.join('h', counts, (_, count) => count, { value: string() })
  })

  test('into rows that are joined by another key', () => {
    const airports = table(flights, 'airports')
    const cities = source.groupBy((flight) => flight.delay, int32()).reduce('cities', (a) => a)
    const joined = airports.joinBy(
      'a',
      cities,
      (flight, key) => {
        expectTypeOf(flight).toEqualTypeOf<Flight>()
        expectTypeOf(key).toEqualTypeOf<string>()
        return flight.delay > 0 ? flight.delay : null
      },
      (flight, city, key) => {
        expectTypeOf(city).toEqualTypeOf<Flight>()
        expectTypeOf(key).toEqualTypeOf<string>()
        return { from: flight.origin, to: city.origin }
      },
    )
    expectTypeOf(joined).toEqualTypeOf<Table<string, { from: string; to: string }>>()
    airports.leftJoinBy(
      'b',
      cities,
      (flight) => flight.delay,
      (_, city) => {
        expectTypeOf(city).toEqualTypeOf<Flight | null>()
        return city?.origin ?? 'nowhere'
      },
    )
    // @ts-expect-error: the keys of the other table are numbers
    airports.joinBy('c', cities, ({ origin }) => origin, isLate)
  })

  test('into the totals of the groups of a table', () => {
    const airports = table(flights, 'airports')
    const grouped = airports.groupBy((flight, key) => {
      expectTypeOf(flight).toEqualTypeOf<Flight>()
      expectTypeOf(key).toEqualTypeOf<string>()
      return flight.delay
    }, int32())
    expectTypeOf(grouped.count('a')).toEqualTypeOf<Table<number, number>>()
    expectTypeOf(grouped.reduce('b', { add: (a, b) => (a.delay > b.delay ? a : b), subtract: (a) => a })).toEqualTypeOf<
      Table<number, Flight>
    >()
    const delays = grouped.aggregate('c', {
      init: () => ({ minutes: 0 }),
      add: (total, flight, key) => {
        expectTypeOf(key).toEqualTypeOf<number>()
        return { minutes: total.minutes + flight.delay }
      },
      subtract: (total, flight) => ({ minutes: total.minutes - flight.delay }),
    })
    expectTypeOf(delays).toEqualTypeOf<Table<number, { minutes: number }>>()
    expectTypeOf<ViewKey<typeof delays>>().toEqualTypeOf<number>()
    // @ts-expect-error: rows must be taken out again
    expect(() => grouped.aggregate('d', { init: () => 0, add: (total) => total })).not.toThrow()
    // @ts-expect-error: the new total is of another type
    grouped.aggregate('e', { init: () => 0, add: (total) => total, subtract: () => 'none' })
    // @ts-expect-error: a group may not have a key
    expect(() => airports.groupBy((flight) => (flight.delay > 0 ? flight.origin : null)).count('f')).not.toThrow()
    // @ts-expect-error: the serde is for other keys
    airports.groupBy((flight) => flight.origin, int32())
  })

  test('into windows and their views', () => {
    const delays = source
      .groupByKey()
      .window(tumbling('1h', { grace: '10m' }))
      .count('a', { emit: 'final' })
    expectTypeOf(delays).toExtend<Table<Windowed<string>, number>>()
    expectTypeOf<ViewKey<typeof delays>>().toEqualTypeOf<string>()
    expectTypeOf<ViewValue<typeof delays>>().toEqualTypeOf<number>()
    expectTypeOf<ViewWindow<typeof delays>>().toEqualTypeOf<Window>()
    expectTypeOf(delays.late()).toEqualTypeOf<Stream<string, Flight>>()
    expectTypeOf(delays.changes()).toEqualTypeOf<Stream<Windowed<string>, number>>()
    expectTypeOf(delays.mapValues(String)).toEqualTypeOf<Table<Windowed<string>, string>>()
    expectTypeOf(viewOf(delays).key.fromJson('x')).toEqualTypeOf<string>()

    source
      .groupByKey()
      .window(tumbling('1h'))
      .count('b', { emit: { every: '10s' } })
    const perHour = source.groupByKey().window(tumbling('1h'))
    // @ts-expect-error: not a duration
    perHour.count('c', { emit: { every: 'now' } })

    const airports = table(flights, 'airports')
    expectTypeOf<ViewKey<typeof airports>>().toEqualTypeOf<string>()
    expectTypeOf<ViewWindow<typeof airports>>().toEqualTypeOf<undefined>()
    // @ts-expect-error: only windowed tables have late records
    expect(() => airports.late()).toThrow()
    // @ts-expect-error: not a duration
    tumbling('1 hour')
    // @ts-expect-error: hopping windows need an advance
    expect(() => hopping('1h')).toThrow()
  })

  test('into windows of so many records, whose results are a stream', () => {
    const hundreds = source.groupByKey().window(countWindow(100))
    expectTypeOf(hundreds.reduce('a', (a, b) => (a.delay > b.delay ? a : b))).toEqualTypeOf<Stream<string, Flight>>()
    expectTypeOf(
      hundreds.aggregate('b', { init: () => 0, add: (total, flight, key) => total + flight.delay + key.length }),
    ).toEqualTypeOf<Stream<string, number>>()
    // @ts-expect-error: every window has the same number of records
    expect(() => hundreds.count('c')).toThrow()
    const highest = hundreds.reduce('d', (a) => a)
    // @ts-expect-error: a stream is not a view
    expect(() => job('windows', highest)).toThrow()
  })

  test('into sliding windows', () => {
    const recent = source.groupByKey().window(sliding('10m', { grace: '5s', retention: '1d' }))
    expectTypeOf(recent.count('a')).toEqualTypeOf<WindowedTable<string, number, Flight>>()
    // @ts-expect-error: not a duration
    sliding('ten minutes')
  })

  test('into windows of the calendar', () => {
    const days = source.groupByKey().window(calendar('day', { timeZone: 'Europe/Zurich', grace: '5m' }))
    expectTypeOf(days.count('a')).toEqualTypeOf<WindowedTable<string, number, Flight>>()
    // @ts-expect-error: the calendar needs a time zone
    calendar('day', { grace: '5m' })
    // @ts-expect-error: not a unit of the calendar
    calendar('decade', { timeZone: 'UTC' })
    // @ts-expect-error: not a weekday
    calendar('week', { timeZone: 'UTC', weekStartsOn: 'Mon' })
  })

  test('into sessions, whose totals can be merged', () => {
    const grouped = source.groupByKey().window(sessions({ gap: '30m', grace: '1m', retention: '7d' }))
    expectTypeOf(grouped).toEqualTypeOf<SessionStream<string, Flight>>()
    expectTypeOf(grouped.count('a', { emit: 'final' })).toEqualTypeOf<WindowedTable<string, number, Flight>>()
    expectTypeOf(grouped.reduce('b', (a, b) => (a.delay > b.delay ? a : b))).toEqualTypeOf<
      WindowedTable<string, Flight, Flight>
    >()
    const delays = grouped.aggregate('c', {
      init: () => ({ minutes: 0 }),
      add: (total, flight) => ({ minutes: total.minutes + flight.delay }),
      merge: (a, b, key) => {
        expectTypeOf(key).toEqualTypeOf<string>()
        return { minutes: a.minutes + b.minutes }
      },
      emit: 'final',
    })
    expectTypeOf(delays).toEqualTypeOf<WindowedTable<string, { minutes: number }, Flight>>()
    expectTypeOf(delays.late()).toEqualTypeOf<Stream<string, Flight>>()
    // @ts-expect-error: a session may be two sessions before, whose totals must become one
    grouped.aggregate('d', { init: () => 0, add: (total, flight) => total + flight.delay })
    // @ts-expect-error: the merged total is of another type
    grouped.aggregate('e', { init: () => 0, add: (total) => total + 1, merge: () => 'none' })
    // @ts-expect-error: sessions need a gap
    sessions({ grace: '1m' })
    // @ts-expect-error: not a duration
    sessions({ gap: '30 minutes' })
  })

  test('into topics, which accept values with more fields than they need', () => {
    const origins = topic('origins', { key: string(), value: json<{ readonly origin: string }>() })
    const counts = topic('counts', { key: windowed(string()), value: json<number>() })
    const delays = source.groupByKey().window(tumbling('1h')).count('a')
    job('types', source.to(origins), delays, delays.changes().to(counts))
    delays.changes().to(topic('fresh', { key: windowed(string()), value: json() }))
    source.to((flight) => flight.origin, { key: string(), value: json() })
    // @ts-expect-error: the topic takes other values
    source.mapValues((flight) => flight.delay).to(origins)
    // @ts-expect-error: the topic takes other keys
    source.to(counts)
    // @ts-expect-error: a stream is not an output
    expect(() => job('wrong', source)).toThrow()
  })
})
