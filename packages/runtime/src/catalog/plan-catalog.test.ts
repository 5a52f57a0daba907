import { int64, type Job, job, json, type Serde, stream, string, topic } from '@millrace/core'
import { jobMeaning, storeInputs, toTopology } from '@millrace/core/internal'
import { describe, expect, test } from 'vitest'
import { type Catalog, isCurrent } from './catalog.ts'
import { type CatalogChange, type CatalogPlan, planCatalog } from './plan-catalog.ts'
import { refuseStores, requireStores } from './refuse-stores.ts'

const a = topic('a', { key: string(), value: json<number>() })
const count = (name: string) => stream(a).groupByKey().count(name)
const one = count('one')
const two = count('two')
const byTen = stream(a)
  .groupBy((value) => `${value % 10}`, string())
  .count('byTen')
const large = one.filter((value) => value > 9, { name: 'large' })

function plan(before: Catalog | undefined, theJob: Job, change: Partial<CatalogChange> = {}): CatalogPlan {
  const topology = toTopology(theJob)
  return planCatalog(before, {
    changelog: 'log-1',
    meaning: jobMeaning(topology),
    inputs: storeInputs(topology),
    processed: {},
    starts: { a: { 0: 0, 1: 0 } },
    begins: {},
    acceptLoss: new Set(),
    ...change,
  })
}

/** The catalog after the job has started without problems, as often as there are jobs. */
function after(...starts: [Job, Partial<CatalogChange>?][]): Catalog {
  let catalog: Catalog | undefined
  for (const [theJob, change] of starts) {
    const next = plan(catalog, theJob, change)
    expect([next.problems, next.changedTopics]).toEqual([[], []])
    catalog = next.catalog
  }
  if (catalog === undefined) throw new Error('no job was started')
  return catalog
}

describe('the catalog of a job', () => {
  test('has every store from the start of its inputs if the job is new', () => {
    const catalog = after([job('j', one, byTen)])
    expect(catalog.stores['one']).toMatchObject({ incarnation: 1, completeFrom: {}, removedAt: null, topics: ['a'] })
    expect(catalog.stores['byTen']?.topics).toEqual(['a', 'j.byTen.repartition'])
    const meaning = jobMeaning(toTopology(job('j', one, byTen)))
    expect(isCurrent(catalog, 'log-1', meaning)).toBe(true)
    expect(isCurrent(catalog, 'log-2', meaning)).toBe(false)
    expect(isCurrent(catalog, 'log-1', jobMeaning(toTopology(job('j', one))))).toBe(false)
  })

  test('reports from where stores count when records before were deleted from the inputs', () => {
    const catalog = after([job('j', one, byTen), { starts: { a: { 0: 7, 1: 0 } } }])
    expect(catalog.stores['one']?.completeFrom).toEqual({ a: { 0: 7 } })
    expect(catalog.stores['byTen']?.completeFrom).toEqual({ a: { 0: 7 } })
  })

  test('refuses a store that is new while the job has processed its inputs, and starts it empty where that is allowed', () => {
    const before = after([job('j', one)])
    const processed = { a: { 0: 10, 1: 0 } }
    const refused = plan(before, job('j', one, two, byTen), { processed })
    const missed = [{ topic: 'a', partition: 0, from: 0, to: 10 }]
    expect(refused.problems).toEqual([
      { store: 'two', subtopology: 'a', changes: [], missed, emptied: [] },
      { store: 'byTen', subtopology: 'j.byTen.repartition', changes: [], missed, emptied: [] },
    ])
    const acceptLoss = new Set(['two', 'byTen'])
    const { catalog, problems, emptied } = plan(before, job('j', one, two, byTen), { processed, acceptLoss })
    expect([problems, emptied]).toEqual([[], ['two', 'byTen']])
    expect(catalog.stores['two']).toMatchObject({ incarnation: 1, completeFrom: { a: { 0: 10 } } })
    expect(catalog.stores['byTen']).toMatchObject({ incarnation: 1, completeFrom: { a: { 0: 10 } } })
    expect(catalog.stores['one']).toMatchObject({ incarnation: 1, completeFrom: {} })
  })

  test('takes a new store whose inputs the job has not processed, or that starts where the log does now', () => {
    const before = after([job('j', one)])
    expect(plan(before, job('j', one, two)).problems).toEqual([])
    const trimmed = { processed: { a: { 0: 10 } }, starts: { a: { 0: 10 } } }
    const { problems, catalog } = plan(before, job('j', one, two), trimmed)
    expect([problems, catalog.stores['two']?.completeFrom]).toEqual([[], { a: { 0: 10 } }])
  })

  test('resumes a store that was away while nothing was processed, and refuses it otherwise', () => {
    const at = (offset: number) => ({ processed: { a: { 0: offset } } })
    const away = after([job('j', one, two)], [job('j', one), at(10)])
    expect(away.stores['two']).toMatchObject({ removedAt: { a: { 0: 10 } } })
    expect(plan(away, job('j', one, two), at(10)).catalog.stores['two']).toMatchObject({
      incarnation: 1,
      removedAt: null,
    })
    const [problem] = plan(away, job('j', one, two), at(20)).problems
    expect(problem?.missed).toEqual([{ topic: 'a', partition: 0, from: 10, to: 20 }])
    const empty = plan(away, job('j', one, two), { ...at(20), acceptLoss: new Set(['two']) })
    expect(empty.obsolete).toEqual(['two'])
    expect(empty.catalog.stores['two']).toMatchObject({
      incarnation: 2,
      completeFrom: { a: { 0: 20 } },
      removedAt: null,
    })
    // Its absence is remembered from when it began, whatever else changes meanwhile.
    const longer = plan(away, job('j', one, byTen), { ...at(20), acceptLoss: new Set(['byTen']) }).catalog
    expect(longer.stores['two']).toMatchObject({ removedAt: { a: { 0: 10 } } })
  })

  test('refuses a store that was away while records between two stages were processed', () => {
    const processed = { a: { 0: 10 }, 'j.byTen.repartition': { 0: 4 } }
    const away = after([job('j', one, byTen)], [job('j', one), { processed }])
    const later = { ...processed, 'j.byTen.repartition': { 0: 9 } }
    expect(plan(away, job('j', one, byTen), { processed: later }).problems[0]?.missed).toEqual([
      { topic: 'j.byTen.repartition', partition: 0, from: 4, to: 9 },
    ])
  })

  test('refuses a store with another meaning by what changed, and starts it empty where that is allowed', () => {
    const before = after([job('j', one)])
    const changed = job(
      'j',
      stream(a)
        .groupByKey()
        .reduce('one', (x, y) => x + y),
    )
    expect(plan(before, changed).problems[0]?.changes).toEqual([
      'step count, now reduce',
      'value serde int64, now json',
    ])
    const empty = plan(before, changed, { processed: { a: { 0: 10 } }, acceptLoss: new Set(['one']) })
    expect(empty.catalog.stores['one']).toMatchObject({ incarnation: 2, completeFrom: { a: { 0: 10 } } })
  })

  test('starts a store empty only with all that are computed from it', () => {
    const before = after([job('j', one, large)])
    const changed = stream(a)
      .groupByKey()
      .aggregate('one', { init: () => 0, add: (total) => total + 1, value: int64() })
    const largeOf = changed.filter((value) => value > 9, { name: 'large' })
    const refused = plan(before, job('j', changed, largeOf), { acceptLoss: new Set(['one']) })
    expect(refused.problems).toEqual([{ store: 'large', subtopology: 'a', changes: [], missed: [], emptied: ['one'] }])
    const both = plan(before, job('j', changed, largeOf), { acceptLoss: new Set(['one', 'large']) })
    expect(both.problems).toEqual([])
    // Covers also a store that was removed when what it is computed from started empty.
    const alone = after([job('j', one, large)], [job('j', changed), { acceptLoss: new Set(['one']) }])
    expect(plan(alone, job('j', changed, largeOf)).problems[0]?.emptied).toEqual(['one'])
  })

  test('starts a store empty only with the others of its step', () => {
    const joined = (value: Serde<number>) => one.join('both', two, (x, y) => x + y, { value })
    const before = after([job('j', joined(int64()))])
    const refused = plan(before, job('j', joined(json())), { acceptLoss: new Set(['both']) })
    expect(refused.problems).toEqual([
      { store: 'both.sides', subtopology: 'a', changes: [], missed: [], emptied: ['both'] },
    ])
    const accepted = plan(before, job('j', joined(json())), { acceptLoss: new Set(['both', 'both.sides']) })
    expect([accepted.problems, accepted.emptied]).toEqual([[], ['both', 'both.sides']])
    expect(plan(accepted.catalog, job('j', joined(json()))).problems).toEqual([])
  })

  test('names the first gaps of a store that missed records in many partitions, and how many more there are', () => {
    const processed = { a: Object.fromEntries(Array.from({ length: 6 }, (_, partition) => [partition, 10])) }
    const refused = () => refuseStores('j', plan(after([job('j', one)]), job('j', one, two), { processed }))
    expect(refused).toThrow(expect.objectContaining({ code: 'STORE_BEHIND' }))
    expect(refused).toThrow(/a\/0 from offset 0 to 10, .*a\/3 from offset 0 to 10 and 2 other partitions, which/)
  })

  test('refuses a name that may start empty and that no store has', () => {
    expect(() => requireStores(toTopology(job('j', one)), ['one', 'tow'])).toThrow('has no store tow that could')
  })

  test('refuses a repartition topic whose records are of another kind', () => {
    const before = after([job('j', byTen)])
    const other = stream(topic('b', { key: string(), value: json<number>() }))
      .groupBy((value) => `${value}`, string())
      .count('byTen')
    expect(plan(before, job('j', other)).changedTopics).toEqual([
      { topic: 'j.byTen.repartition', changes: ['inputs topic a, now topic b'] },
    ])
  })
})
