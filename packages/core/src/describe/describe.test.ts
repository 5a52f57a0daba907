import { expect, test } from 'vitest'
import { otherwise } from '../dsl/branches.ts'
import { globalTable } from '../dsl/global-table.ts'
import { job } from '../dsl/job.ts'
import { stream } from '../dsl/stream-of.ts'
import { topic } from '../dsl/topic.ts'
import { calendar, sessions, tumbling } from '../dsl/windows.ts'
import { json } from '../serdes/json.ts'
import { string } from '../serdes/string.ts'
import { windowed } from '../serdes/windowed.ts'
import { describe } from './describe.ts'

interface Flight {
  readonly origin: string
  readonly destination: string
  readonly delay: number
}

const flights = topic('flights', { key: string(), value: json<Flight>() })
const { late, rest } = stream(flights).split({ late: (flight) => flight.delay > 15, rest: otherwise })
const delays = late
  .groupBy((flight) => flight.destination, string())
  .window(tumbling('1h', { grace: '10m', retention: '7d' }))
  .count('delays')
const changes = delays.changes().to(topic('delay-changes', { key: windowed(string()), value: json<number>() }))
const copies = late.merge(rest).to(topic('copies', { key: string(), value: json<Flight>() }))
const flightDelays = job('flight-delays', delays, changes, copies)

test('a job is described as a tree of its subtopologies', () => {
  expect(`\n${describe(flightDelays)}\n`).toBe(`
job flight-delays
  subtopology flights
    topic flights (string → json)
    ├─ split "late"
    │  ├─ groupBy
    │  │  └─ repartition "delays" → flight-delays.delays.repartition
    │  └─ merge
    │     └─ to "copies"
    └─ split "rest"
       └─ merge (as above)

  subtopology flight-delays.delays.repartition
    repartition topic flight-delays.delays.repartition (string → json)
    └─ count "delays"  [view delays: string → int64, windows of 1h kept 7d]
       └─ changes
          └─ to "delay-changes"

changelog flight-delays.changelog
`)
})

test('a topic is described with where a job begins in it', () => {
  const offsets = { 10: 5, 2: 7 }
  for (const [start, text] of [
    ['latest', 'latest'],
    [{ time: '2026-01-01' }, '2026-01-01T00:00:00.000Z'],
    [{ offsets }, 'offsets 2=7,10=5'],
  ] as const) {
    const visits = job('visits', stream(flights, { start }).groupByKey().count('visits'))
    expect(describe(visits)).toContain(`topic flights (string → json) from ${text}\n`)
    expect(describe(visits, 'json').subtopologies[0]?.inputs[0]?.start).toBe(text)
  }
})

test('a topic that is read first is described so', () => {
  const visits = job('visits', stream(flights, { bootstrap: true }).groupByKey().count('visits'))
  expect(describe(visits)).toContain('topic flights (string → json), first\n')
  expect(describe(visits, 'json').subtopologies[0]?.inputs[0]?.bootstrap).toBe(true)
})

test('a global table is described beside the input with which it is joined', () => {
  const cities = topic('cities', { key: string(), value: json<string>() })
  const joined = stream(flights).join(
    'city',
    globalTable(cities),
    ({ destination }) => destination,
    (_, city) => city,
  )
  const theJob = job('cities', joined.to(topic('names', { key: string(), value: json<string>() })))
  expect(`\n${describe(theJob)}\n`).toBe(`
job cities
  subtopology flights
    topic flights (string → json)
    └─ join "city"  [store city: string → json]
       └─ to "names"
    global table of topic cities (string → json)
    └─ join "city"  [store city: string → json] (as above)

changelog cities.changelog
`)
})

test('sessions are described by their gap', () => {
  const visits = stream(flights)
    .groupByKey()
    .window(sessions({ gap: '30m', retention: '7d' }))
    .count('visits')
  expect(describe(job('visits', visits))).toContain(
    'count "visits"  [view visits: string → int64, sessions with a gap of 30m kept 7d]',
  )
  const [step] = describe(job('visits', visits), 'json').subtopologies[0]?.steps ?? []
  expect(step?.stores).toEqual([
    { name: 'visits', key: 'string', value: 'int64', gapMs: 1_800_000, retentionMs: 604_800_000, view: true },
  ])
})

test('windows of a calendar are described by their unit and zone', () => {
  const days = stream(flights)
    .groupByKey()
    .window(calendar('day', { timeZone: 'Europe/Zurich' }))
    .count('days')
  expect(describe(job('days', days))).toContain('days: string → int64, windows of a day in Europe/Zurich]')
})

test('a job is described as a Mermaid flowchart with quoted labels', () => {
  expect(`\n${describe(flightDelays, 'mermaid')}\n`).toBe(`
flowchart TD
  t0[/"flights"/]
  t1[/"flight-delays.delays.repartition"/]
  t2[/"copies"/]
  t3[/"delay-changes"/]
  subgraph g0["flights"]
    s0n0["split #quot;late#quot;"]
    s0n1["groupBy"]
    s0n2["repartition #quot;delays#quot;"]
    s0n3["split #quot;rest#quot;"]
    s0n4["merge"]
    s0n5["to #quot;copies#quot;"]
  end
  t0 --> s0n0
  s0n0 --> s0n1
  s0n1 --> s0n2
  s0n2 --> t1
  t0 --> s0n3
  s0n0 --> s0n4
  s0n3 --> s0n4
  s0n4 --> s0n5
  s0n5 --> t2
  subgraph g1["flight-delays.delays.repartition"]
    s1n0["count #quot;delays#quot;"]
    s1n0s[("view delays")]
    s1n0 -.- s1n0s
    s1n1["changes"]
    s1n2["to #quot;delay-changes#quot;"]
  end
  t1 --> s1n0
  s1n0 --> s1n1
  s1n1 --> s1n2
  s1n2 --> t3
`)
})

test('a job is described as plain data, the same each time', () => {
  const description = describe(flightDelays, 'json')
  expect(JSON.parse(JSON.stringify(description))).toEqual(description)
  expect(describe(flightDelays, 'json')).toEqual(description)
  expect(description.views).toEqual(['delays'])
  expect(description.subtopologies[1]?.steps[0]).toEqual({
    id: 'flight-delays.delays.repartition#1',
    kind: 'aggregate',
    label: 'count "delays"',
    from: ['flight-delays.delays.repartition#0'],
    stores: [
      {
        name: 'delays',
        key: 'string',
        value: 'int64',
        windowMs: 3_600_000,
        retentionMs: 604_800_000,
        view: true,
      },
    ],
  })
})
