import {
  cogroup,
  collect,
  countWindow,
  deadLetter,
  hopping,
  int32,
  job,
  joinAll,
  json,
  last,
  listState,
  mapState,
  sessions,
  sliding,
  stream,
  string,
  table,
  topic,
  tumbling,
  valueState,
  windowed,
} from '@millrace/core'
import { namedTopics, toTopology } from '@millrace/core/internal'
import { type SeededRandom, simulate } from '@millrace/testing'
import { ids, idsJob } from '@millrace/testing/internal'
import fc from 'fast-check'
import { test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { planOf, randomJob } from '../runtime/random-time/random-job.ts'
import { randomRecords, recordsOf } from '../runtime/random-time/random-run.ts'

/** How many seeds each job is simulated with. MILLRACE_SIMULATED_SEEDS sets another number. */
const SEEDS = Number(process.env['MILLRACE_SIMULATED_SEEDS'] ?? trials(20))

const numbers = topic('numbers', { key: string(), value: int32() })
const others = topic('others', { key: string(), value: int32() })
const keyless = topic('keyless', { value: int32() })
const out = topic('out', { key: string(), value: json<unknown>() })
const even = topic('even', { key: string(), value: int32() })
const late = topic('late', { key: string(), value: int32() })
const windows = topic('windows', { key: windowed(string()), value: json<unknown>() })
const plain = topic('plain', { value: json<unknown>() })

const read = stream(numbers)
const grouped = read.groupByKey()
const regrouped = read.groupBy((value) => `g${value % 3}`, string())
const text = {
  init: () => '',
  add: (total: string, value: number) => `${total} ${value}`,
  merge: (a: string, b: string) => `${a} ${b}`,
  value: string(),
}
const texts = stream(others).groupByKey().aggregate('texts', text)
const last5 = grouped.aggregate('last5', { latest: last(), all: collect({ max: 5 }) })
const rows = table(numbers, 'rows')
const otherRows = table(others, 'other-rows')

const windowedJob = () => {
  const finals = regrouped.window(tumbling(50, { grace: 10 })).aggregate('finals', { ...text, emit: 'final' })
  const hops = grouped.window(hopping(60, { advance: 20 })).aggregate('hops', text)
  const every = regrouped.window(tumbling(80)).aggregate('every', { ...text, emit: { every: 20 } })
  const slides = grouped.window(sliding(30, { grace: 5 })).aggregate('slides', text)
  return job(
    'windows',
    hops,
    slides,
    ...[finals, every].map((each) => each.changes().to(windows)),
    finals.late().to(late),
  )
}

const wallJob = () => {
  const finals = regrouped.window(tumbling('5s', { clock: 'wall' })).aggregate('finals', { ...text, emit: 'final' })
  const hops = grouped.window(hopping('4s', { advance: '1s', clock: 'wall' })).aggregate('hops', text)
  const visits = grouped.window(sessions({ gap: '3s', clock: 'wall' })).aggregate('visits', { ...text, emit: 'final' })
  return job('wall', hops, finals.changes().to(windows), visits.changes().to(windows))
}

const sessionJob = () => {
  const visits = regrouped.window(sessions({ gap: 15, grace: 10 })).aggregate('visits', { ...text, emit: 'final' })
  const tens = regrouped.window(countWindow(4)).aggregate('tens', text)
  return job('sessions', visits, visits.changes().to(windows), visits.late().to(late), tens.to(out))
}

const joinJob = () => {
  const options = { within: 20, grace: 10, value: string() } as const
  const pair = (a: number | null, b: number | null) => `${a} ${b}`
  const outer = read.outerJoin('outer', stream(others), pair, options)
  const left = read
    .keyBy((value) => `j${value % 2}`, string())
    .leftJoin(
      'left',
      stream(others).keyBy((value) => `j${value % 2}`, string()),
      pair,
      options,
    )
  return job('joins', outer.to(out), left.to(out), outer.lateLeft().to(late), left.lateRight().to(late))
}

const joinAllJob = () => {
  const plainAll = joinAll('plain', { here: read, there: stream(others), again: read }, { within: 20, grace: 10 })
  const byRest = (from: typeof read) => from.keyBy((value) => `j${value % 4}`, string())
  const there = byRest(stream(others))
  const moved = joinAll('moved', { here: byRest(read), there, more: there }, { within: 8, grace: 10 })
  return job('join-all', plainAll.to(out), moved.to(out), plainAll.late('again').to(late), moved.late('there').to(late))
}

const everyJob = () => {
  const calm = rows.every('calm', 30)
  const groups = calm.groupBy((value) => `${value % 3}`, string()).count('groups')
  const joined = calm.outerJoin('joined', otherRows, (a, b) => `${a} ${b}`, { value: string() }).every('slow', 50)
  return job('every', calm, groups, groups.every('few', 40).changes().to(out), joined.changes().to(out))
}

const lookupJob = () => {
  const current = read.leftJoin('current', texts, (value, seen) => `${value}:${seen}`, { value: string() })
  const asOf = stream(others).leftJoin('as-of', rows, (value, row) => `${value} ${row}`, {
    asOf: { grace: 10 },
    value: string(),
  })
  const versions = table(numbers, 'versions', { history: 30 })
  const past = stream(others).leftJoin('past', versions, (value, row) => `${value} ${row}`, { value: string() })
  return job(
    'lookups',
    versions,
    ...[current, asOf, past].map((each) => each.to(out)),
    ...[asOf.lateLeft(), past.late(), versions.late()].map((each) => each.to(late)),
  )
}

const tableJob = () => {
  const joined = rows.outerJoin('joined', otherRows, (a, b) => `${a} ${b}`, { value: string() })
  const groups = rows.groupBy((value) => `${value % 3}`, string()).count('groups')
  return job('tables', joined, groups, joined.changes().to(out), groups.changes().to(out), last5)
}

const fadingJob = () => {
  const fading = table(numbers, 'fading', { ttl: 25 })
  const joined = fading.outerJoin('joined', otherRows, (a, b) => `${a} ${b}`, { value: string() })
  const greatest = fading.topN('greatest', 2, (value) => value)
  return job('fading', fading, joined, greatest, fading.changes().to(out))
}

const referenceJob = () => {
  const keyOf = (value: number) => `k${value % 5}`
  const referred = rows.leftJoinBy('referred', otherRows, keyOf, (a, b) => `${a} ${b}`, { value: string() })
  return job('references', referred, referred.changes().to(out))
}

const processJob = () => {
  const step = regroupedStream().process('step', {
    value: json<unknown>(),
    state: {
      total: valueState(int32(), { ttl: 200 }),
      recent: listState(int32(), { max: 4 }),
      kinds: mapState(string(), int32()),
    },
    onRecord(value, _key, { state, timers, timestamp, isLate, emit }) {
      state.total.set((state.total.get() ?? 0) + value)
      state.recent.add(value)
      state.kinds.set(`${value % 4}`, value)
      if (value % 3 === 0) timers.event.at(timestamp + value)
      if (value % 5 === 0) timers.wall.wallAfter(value * 100)
      emit([value, isLate, state.total.get(), [...state.recent.values()]])
    },
    timers: {
      event: (_key, { state, timestamp, emit }) => emit(['event', timestamp, [...state.kinds.entries()]]),
      wall(_key, { state, timers, wallTime, emit }) {
        emit(['wall', wallTime, state.total.get() ?? null])
        if (state.recent.values().length > 2) timers.wall.wallAfter('3h')
        state.recent.clear()
      },
    },
  })
  return job('process', step.views.total, step.views.kinds, step.to(out))
}

function regroupedStream() {
  return read.merge(stream(others)).keyBy((value) => `p${value % 3}`, string())
}

const dedupeJob = () => {
  const once = regroupedStream().dedupe('once', { within: 40, grace: 20, id: (value) => value % 20 })
  const total = cogroup('together', { init: () => '', value: string() })
    .add('numbers', grouped, (all, value) => `${all} ${value}`)
    .add('others', stream(others).groupByKey(), (all, value) => `${all} -${value}`)
  return job('dedupe', once.to(out), once.late().to(late), total)
}

const failingJob = () => {
  const strict = stream(keyless).mapValues((value) => {
    if (value % 7 === 0) throw new Error('a seven')
    return value
  }, int32())
  const counts = strict.groupBy((value) => `${value % 4}`, string()).count('counts')
  return job('failing', strict.to(plain), counts).onError({ callback: deadLetter('letters') })
}

const chosenJob = () =>
  job(
    'chosen',
    regrouped
      .count('counts')
      .changes()
      .mapValues(Number, int32())
      .to((value) => (value % 3 === 0 ? 'even' : 'late')),
    regroupedStream().to((value) => (value % 2 === 0 ? 'even' : 'late'), { value: int32() }),
  )

/** Records whose times go up and down, of a few keys; with some deletions, if a job can have them. */
function someRecords(random: SeededRandom, deletions: number) {
  let time = 1000
  return Array.from({ length: 10 + random.below(40) }, () => {
    time += random.below(12)
    const value = random.chance(deletions) ? null : random.below(100)
    return { key: `k${random.below(5)}`, value, timestamp: time - random.below(30) }
  })
}

test.each([
  { name: 'windows', theJob: windowedJob(), topics: [numbers] },
  { name: 'windows of the wall clock', theJob: wallJob(), topics: [numbers] },
  { name: 'sessions', theJob: sessionJob(), topics: [numbers] },
  { name: 'joins of streams', theJob: joinJob(), topics: [numbers, others] },
  { name: 'joins of several streams', theJob: joinAllJob(), topics: [numbers, others] },
  { name: 'tables that change now and then', theJob: everyJob(), topics: [numbers, others] },
  { name: 'lookups', theJob: lookupJob(), topics: [numbers, others] },
  { name: 'tables', theJob: tableJob(), topics: [numbers, others] },
  { name: 'tables with a time to live', theJob: fadingJob(), topics: [numbers, others] },
  { name: 'references between tables', theJob: referenceJob(), topics: [numbers, others] },
  { name: 'process with timers', theJob: processJob(), topics: [numbers, others] },
  { name: 'dedupe and cogroup', theJob: dedupeJob(), topics: [numbers, others] },
  { name: 'chosen topics', theJob: chosenJob(), topics: [numbers, others] },
])(
  'a right job gives no alarm: $name',
  async ({ theJob, topics }) => {
    await simulate(theJob, {
      inputs: (random) => topics.map((each) => ({ topic: each, records: someRecords(random, 0.1) })),
      seeds: SEEDS,
      partitions: 3,
      ...(theJob.name === 'chosen' && { chosenTopics: [even, late] }),
    })
  },
  limitMs(SEEDS),
)

test(
  'a right job gives no alarm: error policies, and records without keys',
  async () => {
    const inputs = (random: SeededRandom) => {
      const records = someRecords(random, 0).map(({ value, timestamp }) => ({ value, timestamp }))
      return [{ topic: keyless, records }] as const
    }
    await simulate(failingJob(), { inputs, seeds: SEEDS, partitions: 3 })
  },
  limitMs(SEEDS),
)

test(
  'finals and late records give no alarm, in whatever order partitions are read',
  async () => {
    const total = { init: () => 0, add: (sum: number, value: number) => sum + value, value: int32() }
    const finals = regrouped.window(tumbling(50, { grace: 10 })).aggregate('finals', { ...total, emit: 'final' })
    // The order of late records of a group depends on that of partitions: each has its own key.
    const lateRecords = finals.late().map((value, _key, { timestamp }) => [`${value} ${timestamp}`, value])
    await simulate(job('finals', finals.changes().to(windows), lateRecords.to(late)), {
      inputs: (random) => [{ topic: numbers, records: someRecords(random, 0) }],
      seeds: SEEDS,
      partitions: 3,
      interleavings: 'same result',
    })
  },
  limitMs(SEEDS, 6000),
)

test(
  'random jobs whose rows depend on no order give no alarm, in whatever order partitions are read',
  () =>
    fc.assert(
      fc.asyncProperty(randomJob, randomRecords, fc.nat(), async (random, randoms, seed) => {
        const plan = planOf(random)
        const theJob = idsJob('random', plan)
        const records = recordsOf(randoms, plan.topics, random.partitions)
        const inputs = namedTopics(toTopology(theJob))
          .filter((name) => plan.topics.includes(name))
          .map((name) => ({
            topic: topic(name, { key: string(), value: ids }),
            records: records
              .filter((record) => record.topic === name)
              .map(({ key, id, time, partition, deletion }) => ({
                key,
                value: deletion ? null : [id],
                timestamp: time,
                partition,
              })),
          }))
        await simulate(theJob, { inputs, seed, partitions: random.partitions, interleavings: 'same views' })
      }),
      { numRuns: SEEDS * 3 },
    ),
  limitMs(SEEDS, 12_000),
)
