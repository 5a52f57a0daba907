import { type FoldedTable, type FoldRecord, type Row, sum } from './fold.ts'
import { showsClosedOnly, type TablePlan } from './plan.ts'

/** A record of an output topic. */
export interface Output {
  readonly key: string
  readonly ids: readonly string[]
  readonly time: number
}

/** A result of a table. */
export interface Result extends Output {
  /** Its partition; the results of one partition are in the order in which they were written. */
  readonly partition?: number
  /** Where its window starts; undefined for a table without windows. */
  readonly start: number | undefined
}

/** What a job has written and holds of a table. */
export interface Found {
  readonly results: readonly Result[]
  readonly late: readonly Output[]
  /** The view's entries: `key` or `key start`, and the ids. */
  readonly rows: ReadonlyMap<string, unknown>
}

/** How a table differs from its fold, in words; empty if it does not. */
export function differences(plan: TablePlan, found: Found, folded: FoldedTable): string[] {
  const isFinal = plan.kind !== 'total' && plan.emit === 'final'
  const results = isFinal ? finalProblems(found, folded) : changeProblems(plan, found, folded)
  return [...contentProblems(plan, found, folded), ...about(plan, results)]
}

/** As `differences`, for outputs that may be there more than once. Changes are not compared. */
export function differencesBesidesRepeats(plan: TablePlan, found: Found, folded: FoldedTable): string[] {
  const late = distinct(folded.late.map(asOutput), textOf)
  const once = { ...found, late: distinct(found.late, textOf), results: distinct(found.results, resultText) }
  const isFinal = plan.kind !== 'total' && plan.emit === 'final'
  return [
    ...contentProblems(plan, once, { ...folded, late: late.map((each) => ({ ...each, watermark: each.time })) }),
    ...(isFinal ? about(plan, finalTexts(once, folded)) : []),
  ]
}

/** How the rows and late records of a table differ from its fold. */
export function contentProblems(plan: TablePlan, found: Found, folded: FoldedTable): string[] {
  const rows = [...found.rows].map(([name, ids]) => `${name} (${ids})`)
  const late = folded.late.map((record) => textOf(asOutput(record)))
  const closed = new Set([...found.results.map(nameOf), ...folded.results.map(({ row }) => nameOf(row))])
  const shown = showsClosedOnly(plan) ? folded.rows.filter((row) => closed.has(nameOf(row))) : folded.rows
  return about(plan, [
    ...compare(
      'row',
      rows,
      shown.map((row) => `${nameOf(row)} (${sum(row.records).ids})`),
    ),
    ...compare('late record', found.late.map(textOf), late),
  ])
}

/** The finals of the fold that a table lacks. */
export function missingFinals(plan: TablePlan, found: Found, folded: FoldedTable): string[] {
  const expected = folded.results.map(({ row, record }) => resultText(asResult(row, record)))
  const missing = difference(expected, found.results.map(resultText))
  return about(
    plan,
    missing.map((each) => `final ${each} is missing`),
  )
}

/** Finals that are there twice, out of order, or unlike their row. */
export function impossibleFinals(plan: TablePlan, { results, rows }: Pick<Found, 'results' | 'rows'>): string[] {
  const names = new Set<string>()
  const repeated = results.filter((result) => names.size === names.add(nameOf(result)).size)
  const wrong = results.filter((result) => `${rows.get(nameOf(result))}` !== `${result.ids}`)
  return about(plan, [
    ...repeated.map((result) => `final ${resultText(result)} is there twice`),
    ...wrong.map((result) => `final ${resultText(result)} is unlike its row: (${rows.get(nameOf(result))})`),
    ...orderProblems(results),
  ])
}

function about({ name }: TablePlan, problems: readonly string[]): string[] {
  return problems.map((problem) => `${name}: ${problem}`)
}

/** Each final is there once; those of a key in one partition are in the order of their windows. */
function finalProblems(found: Found, folded: FoldedTable): string[] {
  return [...finalTexts(found, folded), ...orderProblems(found.results)]
}

function finalTexts({ results }: Found, folded: FoldedTable): string[] {
  const expected = folded.results.map(({ row, record }) => resultText(asResult(row, record)))
  return compare('final', results.map(resultText), expected)
}

/** Finals that come after those of later windows of their key. */
function orderProblems(results: readonly Result[]): string[] {
  const starts = new Map<string, number>()
  return results.flatMap((result) => {
    const { key, start = 0, partition } = result
    const place = `${key} ${partition}`
    const last = starts.get(place) ?? Number.NEGATIVE_INFINITY
    starts.set(place, start)
    return start > last ? [] : [`final ${resultText(result)} comes behind that of ${last}`]
  })
}

function changeProblems(plan: TablePlan, found: Found, folded: FoldedTable): string[] {
  const changes = folded.results.map(({ row, record }) => asResult(row, record))
  if (plan.ordered) return compare('change', numbered(found.results), numbered(changes))
  const ofNone = found.results.filter((result) => folded.rows.every((row) => nameOf(row) !== nameOf(result)))
  return [
    ...ofNone.map((result) => `change ${resultText(result)} is of no row`),
    ...folded.rows.flatMap((row) => chainProblems(found.results, row)),
  ]
}

/** Each result with its index among those of its row. */
function numbered(results: readonly Result[]): string[] {
  const counts = new Map<string, number>()
  return results.map((result) => {
    const count = counts.get(nameOf(result)) ?? 0
    counts.set(nameOf(result), count + 1)
    return `${count}: ${resultText(result)}`
  })
}

/**
 * The changes of a row whose records may come in any order: each change adds one of the records, all records come, and the time
 * is always the greatest so far.
 */
function chainProblems(results: readonly Result[], row: Row): string[] {
  const left = [...row.records]
  let before: Output = { key: row.key, ids: [], time: Number.NEGATIVE_INFINITY }
  for (const change of results.filter((result) => nameOf(result) === nameOf(row))) {
    const added = `${difference(change.ids, before.ids).sort()}`
    const next = left.findIndex(
      ({ ids, time }) => `${[...(ids ?? [])].sort()}` === added && Math.max(time, before.time) === change.time,
    )
    if (next < 0) return [`change ${resultText(change)} comes behind ${textOf(before)}, and no record explains it`]
    left.splice(next, 1)
    before = change
  }
  return left.map(({ ids }) => `no change of ${nameOf(row)} adds (${ids})`)
}

/** What each list has more often than the other; equal entries count as often as they are there. */
function compare(what: string, found: readonly string[], expected: readonly string[]): string[] {
  return [
    ...difference(expected, found).map((each) => `${what} ${each} is missing`),
    ...difference(found, expected).map((each) => `${what} ${each} is too much`),
  ]
}

/** What the first list has more often than the second. */
export function difference(all: readonly string[], some: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const each of some) counts.set(each, (counts.get(each) ?? 0) + 1)
  return all.filter((each) => {
    const count = counts.get(each) ?? 0
    counts.set(each, count - 1)
    return count <= 0
  })
}

function asResult({ start }: Row, record: FoldRecord): Result {
  return { ...asOutput(record), start }
}

function asOutput({ key, ids, time }: FoldRecord): Output {
  return { key, ids: ids ?? [], time }
}

function distinct<T>(items: readonly T[], text: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [text(item), item])).values()]
}

function nameOf({ key, start }: Pick<Result, 'key' | 'start'>): string {
  return start === undefined ? key : `${key} ${start}`
}

export function textOf({ key, ids, time }: Output): string {
  return `${key} (${ids}) @${time}`
}

function resultText(result: Result): string {
  return `${nameOf(result)} (${result.ids}) @${result.time}`
}
