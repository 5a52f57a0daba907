import { expect, test } from 'vitest'
import {
  calendar,
  countWindow,
  globalTable,
  hopping,
  int64,
  job,
  json,
  listState,
  mapState,
  sessions,
  sliding,
  stream,
  string,
  topic,
  tumbling,
  valueState,
} from '../index.ts'
import { jobMeaning } from './job-meaning.ts'
import { storeInputs } from './store-inputs.ts'
import { toTopology } from './to-topology.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const timed = topic('timed', { key: string(), value: json<number>(), timestamp: (value) => value })

const sums = stream(numbers)
  .groupBy((value) => `${value}`, string())
  .reduce('sums', (a, b) => a + b)
const large = sums.mapValues((value) => value * 2).filter((value) => value > 9, { name: 'large' })
const hours = stream(timed)
  .merge(sums.changes().mapValues((value) => value ?? 0))
  .groupByKey()
  .window(hopping('1h', { advance: '10m', grace: '5m', retention: '1d' }))
  .count('hours', { emit: 'final' })

test('a store means its step, serdes, windows and nearest inputs, and no function', () => {
  const meaning = jobMeaning(toTopology(job('j', sums, large)))
  expect(meaning).toEqual({
    stores: {
      sums: {
        step: 'reduce',
        fold: null,
        key: 'string',
        value: 'json',
        windows: null,
        shape: 'key',
        timed: true,
        order: null,
        windowMs: null,
        advanceMs: null,
        graceMs: null,
        times: null,
        emit: null,
        inputs: ['topic j.sums.repartition'],
      },
      large: expect.objectContaining({ step: 'filter', inputs: ['store sums'] }),
    },
    repartitions: { 'j.sums.repartition': { key: 'string', value: 'json', inputs: ['topic numbers'] } },
  })
  expect(JSON.parse(JSON.stringify(meaning))).toEqual(meaning)
})

test('windows are part of what a store means, and how long they are kept is not', () => {
  const { stores } = jobMeaning(toTopology(job('j', hours)))
  expect(stores['hours']).toEqual({
    step: 'count',
    fold: null,
    key: 'string',
    value: int64().name,
    windows: 'hopping',
    shape: 'window',
    timed: true,
    order: null,
    windowMs: 3_600_000,
    advanceMs: 600_000,
    graceMs: 300_000,
    times: 'callback',
    emit: 'final',
    inputs: expect.arrayContaining(['topic timed']),
  })
  const daily = stream(numbers).groupByKey()
  const meanings = ['1d', '2d'].map((retention) =>
    jobMeaning(toTopology(job('j', daily.window(tumbling('1d', { retention: retention as '1d' })).count('days')))),
  )
  expect(meanings[0]).toEqual(meanings[1])
})

test('sessions mean their gap, and what is derived from them has windows of any length', () => {
  const visits = stream(numbers)
    .groupByKey()
    .window(sessions({ gap: '30m', grace: '1m', retention: '1d' }))
    .count('visits')
  const long = visits.filter((count) => count > 9, { name: 'long' })
  const { stores } = jobMeaning(toTopology(job('j', visits, long)))
  expect(stores['visits']).toMatchObject({
    windows: 'session',
    shape: 'interval',
    windowMs: null,
    gapMs: 1_800_000,
    advanceMs: null,
    graceMs: 60_000,
    emit: 'changes',
  })
  expect(stores['long']).toMatchObject({ windows: null, shape: 'interval', windowMs: null, inputs: ['store visits'] })
})

test('windows of a calendar mean its unit and zone, and the first day of weeks', () => {
  const meaningOf = (windows: Parameters<ReturnType<typeof daily>['window']>[0]) =>
    jobMeaning(toTopology(job('j', daily().window(windows).count('days')))).stores['days']
  const daily = () => stream(numbers).groupByKey()
  expect(meaningOf(calendar('day', { timeZone: 'Europe/Zurich', grace: 5 }))).toMatchObject({
    windows: 'calendar',
    shape: 'interval',
    windowMs: null,
    calendar: 'day in Europe/Zurich',
    graceMs: 5,
  })
  expect(meaningOf(calendar('week', { timeZone: 'UTC' }))?.calendar).toBe('week from monday in UTC')
})

test('results that are emitted now and then have their own store, and their time is part of the meaning', () => {
  const counts = stream(numbers)
    .groupByKey()
    .window(tumbling('1h', { retention: '1d' }))
    .count('counts', { emit: { every: '10s' } })
  const { stores } = jobMeaning(toTopology(job('j', counts)))
  expect(stores['counts']).toMatchObject({ emit: 'every 10s', shape: 'window' })
  expect(stores['counts.pending']).toMatchObject({
    key: 'windowed(string)',
    value: 'nullable(int64)',
    shape: 'instant',
  })
})

test('windows of so many records mean that number', () => {
  const sums = stream(numbers)
    .groupByKey()
    .window(countWindow(5))
    .reduce('sums', (a, b) => a + b)
  const { stores } = jobMeaning(toTopology(job('j', sums.to(topic('out', { key: string(), value: json<number>() })))))
  expect(stores['sums']).toMatchObject({ step: 'reduce', windows: 'count', records: 5, shape: 'key', times: null })
  expect(stores['sums.count']).toMatchObject({ windows: 'count', records: 5, value: 'int64' })
})

test('sliding windows mean their size, and have a store for the records', () => {
  const counts = stream(numbers)
    .groupByKey()
    .window(sliding('10m', { grace: '1m', retention: '1d' }))
    .count('counts')
  const topology = toTopology(job('j', counts))
  const { stores } = jobMeaning(topology)
  expect(stores['counts']).toMatchObject({ windows: 'sliding', windowMs: 600_000, advanceMs: null, graceMs: 60_000 })
  expect(stores['counts.records']).toMatchObject({ shape: 'instant', value: 'json' })
  const records = topology.subtopologies.flatMap((each) => each.stores).find(({ name }) => name === 'counts.records')
  expect(records?.retentionMs).toBe(660_000)
})

test('a store knows all topics and stores that it is computed from, also behind repartitions', () => {
  const all = storeInputs(toTopology(job('j', hours)))
  const found = all.find(({ store }) => store === 'hours')
  expect([...(found?.sources ?? [])].sort()).toEqual(['numbers', 'timed'])
  expect(found?.stores).toEqual(['sums'])
  expect(found?.repartitions).toContain('j.sums.repartition')
  expect(all.find(({ store }) => store === 'sums')).toMatchObject({ sources: ['numbers'], stores: [] })
})

test('it matters which table is the left one of a join, and both stores of the join have that in their meaning', () => {
  const [one, other] = [stream(numbers).toTable('one'), stream(timed).toTable('other')]
  const meaningOf = (joined: typeof one) => jobMeaning(toTopology(job('j', joined))).stores
  const joined = meaningOf(one.leftJoin('both', other, (left, right) => left + (right ?? 0)))
  expect(joined['both']).toMatchObject({
    step: 'leftJoin',
    key: 'string',
    value: 'json',
    inputs: ['left: store one', 'right: store other'],
  })
  expect(joined['both.sides']).toMatchObject({
    step: 'leftJoin',
    value: 'pair(timed(json),timed(json))',
    inputs: ['left: store one', 'right: store other'],
  })
  const swapped = meaningOf(other.leftJoin('both', one, (left, right) => left + (right ?? 0)))
  expect(swapped['both']?.inputs).toEqual(['left: store other', 'right: store one'])
})

test('a cell of a process step means its kind and serdes, and neither its time to live nor the other cells', () => {
  const made = (state: object) => {
    const step = stream(numbers).process('step', {
      value: json<number>(),
      state: state as { last: ReturnType<typeof valueState<number>> },
      outputs: { side: json<number>() },
      onRecord: () => undefined,
      timers: { quiet: () => undefined },
    })
    return jobMeaning(toTopology(job('j', step.toTable('main'), step.outputs.side.toTable('side')))).stores
  }
  const some = made({ last: valueState(int64()) })
  const more = made({
    kinds: mapState(string(), int64()),
    recent: listState(int64(), { max: 2 }),
    last: valueState(int64(), { ttl: '1d' }),
  })
  const own = { step: 'process', key: 'string', inputs: ['topic numbers'] }
  expect(some['step.last']).toMatchObject({ ...own, value: 'int64', shape: 'key' })
  expect(more).toMatchObject(some)
  expect(more['step.recent']).toMatchObject({ ...own, value: 'list(int64)', shape: 'key' })
  expect(more['step.kinds']).toMatchObject({
    ...own,
    key: 'keys(string,string)',
    value: 'int64',
    shape: 'sorted',
    order: 'string',
  })
  expect(more['step.timers']).toMatchObject({ ...own, key: 'keys(string,string)', value: 'set-timer', order: 'timer' })
  expect(Object.keys(more).sort()).toEqual([
    'main',
    'side',
    'step.kinds',
    'step.last',
    'step.last.expiry',
    'step.recent',
    'step.timers',
  ])
  expect(some['main']).toMatchObject({ inputs: ['step step'] })
  expect(some['side']).toMatchObject({ inputs: ['output side of step step'] })
})

test('a global table means its topic, whatever is joined with it, and passes on what a store behind it is computed from', () => {
  const names = topic('names', { key: string(), value: json<string>() })
  const joined = stream(numbers).join(
    'named',
    globalTable(names),
    (value) => `${value}`,
    (_, name) => name,
  )
  const topology = toTopology(job('j', joined.groupByKey().count('counts')))
  const { named, counts } = jobMeaning(topology).stores
  expect(named).toMatchObject({ step: 'globalTable', inputs: ['global table of topic names'] })
  expect(counts?.inputs).toEqual(['global table of topic names', 'topic numbers'])
  expect(storeInputs(topology).map(({ store, sources, stores }) => [store, sources, stores])).toEqual([
    ['named', [], []],
    ['counts', ['numbers'], ['named']],
  ])
})
