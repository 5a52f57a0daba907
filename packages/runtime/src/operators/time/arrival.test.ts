import {
  hopping,
  int32,
  type Job,
  job,
  json,
  sessions,
  sliding,
  stream,
  string,
  topic,
  tumbling,
  windowed,
} from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: windowed(string()), value: json<unknown>() })
const grouped = stream(numbers).groupByKey()

/** A job whose wall clock is moved by hand. Its records have one time, whenever they come. */
class ByHand {
  readonly lists: JobInLists
  commits = 0
  readonly #timestamp: number
  #id = 0

  constructor(theJob: Job, timestamp = 7) {
    this.lists = new JobInLists(theJob)
    this.#timestamp = timestamp
  }

  /** The clock shows this time: the job takes what is there, and commits while there is anything new. */
  at(ms: number, ...keys: string[]): this {
    for (const key of keys) this.lists.append(numbers, key, this.#id++, this.#timestamp)
    const { tasks } = this.lists
    do {
      for (const { pipeline } of tasks) {
        while (pipeline.run(Number.POSITIVE_INFINITY, { monotonic: () => 0, now: () => ms }) > 0);
        if (!pipeline.changed) continue
        pipeline.freeze()
        pipeline.frozen()
        this.commits++
      }
    } while (tasks.some(({ pipeline }) => pipeline.changed))
    return this
  }

  /** What the job has passed on so far: `a 0-100: 3 @99`. */
  get passedOn(): string[] {
    return this.lists.topic('out').records.map(({ key, value, timestamp }) => {
      const { key: own, window } = out.key.decode(key ?? Buffer.of(), 0, key?.length ?? 0)
      return `${own} ${window.start}-${window.end}: ${value} @${timestamp}`
    })
  }

  get late(): number {
    return this.lists.tasks.reduce((sum, { counts }) => sum + counts.late, 0)
  }
}

const perWindow = (emit: 'final' | 'changes' | { every: number }) =>
  grouped.window(tumbling(100, { clock: 'wall' })).count('counts', { emit })
const finals = () => {
  const counts = perWindow('final')
  return job('j', counts, counts.changes().to(out))
}

describe('windows of the wall clock', () => {
  test('have the records that came while the clock was in them, whatever their times, and close by the clock alone', () => {
    const run = new ByHand(finals())
    run.at(1010, 'a', 'b').at(1050, 'a').at(1099)
    expect(run.passedOn).toEqual([])
    run.at(1100)
    expect(run.passedOn.sort()).toEqual(['a 1000-1100: 2 @1099', 'b 1000-1100: 1 @1099'])
    run.at(1230, 'a').at(1300)
    expect(run.passedOn.slice(2)).toEqual(['a 1200-1300: 1 @1299'])
    expect(run.late).toBe(0)
  })

  test('close before a record is taken that comes after their end', () => {
    const counts = perWindow('final')
    const changes = grouped.window(tumbling(100, { clock: 'wall' })).count('changes')
    const run = new ByHand(job('j', counts.changes().to(out), changes.changes().to(out)))
    run.at(1010, 'a').at(1110, 'a')
    expect(run.passedOn).toEqual(['a 1000-1100: 1 @1010', 'a 1000-1100: 1 @1099', 'a 1100-1200: 1 @1110'])
  })

  test('close before the next record when a record has come after their end, also between two commits', () => {
    const changes = grouped.window(tumbling(100, { clock: 'wall' })).count('changes')
    const lists = new JobInLists(job('j', perWindow('final').changes().to(out), changes.changes().to(out)))
    for (let index = 0; index < 3; index++) lists.append(numbers, 'a', index, 7)
    const [pipeline] = lists.tasks.map((each) => each.pipeline)
    // The clock is read before the first record, and then after it.
    let looks = 0
    const now = () => (looks++ === 0 ? 1010 : 1110)
    pipeline?.run(Number.POSITIVE_INFINITY, { monotonic: () => 0, now })
    const times = lists.topic('out').records.map(({ value, timestamp }) => `${value} @${timestamp}`)
    expect(times).toEqual(['1 @1010', '1 @1110', '1 @1099', '2 @1110'])
  })

  test('take records in time whose own times are ahead of the clock', () => {
    const run = new ByHand(finals(), 5000)
    run.at(1010, 'a').at(1050, 'a').at(1100)
    expect(run.passedOn).toEqual(['a 1000-1100: 2 @1099'])
    expect(run.late).toBe(0)
  })

  test('do not go back with the clock: a record that comes then has the latest time that there was', () => {
    const run = new ByHand(finals())
    run.at(1010, 'a').at(1150, 'a').at(1020, 'a').at(1190, 'a').at(1200)
    expect(run.passedOn).toEqual(['a 1000-1100: 1 @1099', 'a 1100-1200: 3 @1199'])
    expect(run.late).toBe(0)
  })

  test('pass on what has changed every 20 ms of the clock', () => {
    const counts = perWindow({ every: 20 })
    const run = new ByHand(job('j', counts.changes().to(out)))
    run.at(1001, 'a', 'a').at(1019)
    expect(run.passedOn).toEqual([])
    run.at(1020).at(1025, 'a').at(1045)
    expect(run.passedOn).toEqual(['a 1000-1100: 2 @1019', 'a 1000-1100: 3 @1039'])
  })

  test('can be sessions, which end when no record has come for the gap', () => {
    const visits = grouped.window(sessions({ gap: 10, clock: 'wall' })).count('visits', { emit: 'final' })
    const run = new ByHand(job('j', visits.changes().to(out)))
    run.at(1000, 'a').at(1009, 'a').at(1018)
    expect(run.passedOn).toEqual([])
    run.at(1019)
    expect(run.passedOn).toEqual(['a 1000-1019: 2 @1018'])
  })

  test('can overlap, and can end with each record', () => {
    const hops = grouped.window(hopping(100, { advance: 50, clock: 'wall' })).count('hops', { emit: 'final' })
    const run = new ByHand(job('j', hops.changes().to(out)))
    run.at(1010, 'a').at(1060, 'a').at(1150)
    expect(run.passedOn).toEqual(['a 950-1050: 1 @1049', 'a 1000-1100: 2 @1099', 'a 1050-1150: 1 @1149'])
    const recent = grouped.window(sliding(100, { clock: 'wall' })).count('recent')
    const other = new ByHand(job('j', recent.changes().to(out)))
    other.at(1010, 'a').at(1060, 'a').at(1111, 'a').at(1112)
    expect(other.passedOn.map((text) => text.replace(/ .*:/, ''))).toEqual(['a 1 @1010', 'a 2 @1060', 'a 2 @1111'])
  })

  test('leave the other steps that take the same records as they are', () => {
    const byTime = grouped.window(tumbling(100)).count('by-time')
    const run = new ByHand(job('j', perWindow('changes'), byTime.changes().to(out)))
    run.at(1010, 'a').at(1150, 'a')
    expect(run.passedOn).toEqual(['a 0-100: 1 @7', 'a 0-100: 2 @7'])
    expect(run.late).toBe(0)
  })

  test('commit nothing while nothing is to be done', () => {
    const counts = perWindow('final')
    // Its window ends at 1100 too, and waits for records.
    const byTime = grouped.window(tumbling(50)).count('by-time', { emit: 'final' })
    const run = new ByHand(job('j', counts.changes().to(out), byTime.changes().to(out)), 1020)
    run.at(1010, 'a')
    const { commits } = run
    for (let ms = 1011; ms < 1100; ms++) run.at(ms)
    expect(run.commits).toBe(commits)
    run.at(1100)
    const closed = run.commits
    expect(closed).toBeGreaterThan(commits)
    for (let ms = 1101; ms < 1500; ms++) run.at(ms)
    expect(run.commits).toBe(closed)
  })

  test('move on with the clock what goes by the times of records too, as far as both have come', () => {
    const others = topic('others', { key: string(), value: int32() })
    const byTime = stream(others).groupByKey().window(tumbling(100)).count('by-time')
    const both = perWindow('changes').leftJoin('both', byTime, (count, other) => count * 10 + (other ?? 0))
    const run = new ByHand(job('j', both.every('calm', 20).changes().to(out)))
    run.lists.append(others, 'a', 1, 1030)
    run.at(1001, 'a').at(1019)
    expect(run.passedOn).toEqual([])
    run.at(1020)
    expect(run.passedOn).toEqual(['a 1000-1100: 11 @1019'])
    // From here on it waits for the others.
    run.at(1041, 'a').at(1100)
    const { commits } = run
    for (let ms = 1101; ms < 1200; ms++) run.at(ms)
    expect(run.commits).toBe(commits)
    expect(run.passedOn).toHaveLength(1)
    // This record moves time before it is counted.
    run.lists.append(others, 'a', 1, 1060)
    run.at(1200)
    expect(run.passedOn.slice(1)).toEqual(['a 1000-1100: 21 @1059'])
  })

  test('behind a repartition topic have the time at which its records are taken, and so have windows behind them', () => {
    const counts = stream(numbers)
      .groupBy((value) => `${value % 2}`, string())
      .window(tumbling(100, { clock: 'wall' }))
      .count('counts', { emit: 'final' })
    const sums = counts
      .changes()
      .groupBy(() => 'all', string())
      .window(tumbling(200))
      .reduce('sums', (a, b) => a + b, { emit: 'final' })
    const run = new ByHand(job('j', sums.changes().to(out)))
    run.at(1010, 'a', 'b', 'c').at(1100).at(1110, 'a').at(1199)
    expect(run.passedOn).toEqual([])
    run.at(1200)
    expect(run.passedOn).toEqual(['all 1000-1200: 4 @1199'])
  })
})
