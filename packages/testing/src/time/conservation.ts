import { difference, type Found, impossibleFinals, type Output, textOf } from './differences.ts'
import { type FoldRecord, type Sources, stepOf, windowsOf } from './fold.ts'
import { type SessionPlan, type StreamPlan, showsClosedOnly, type TablePlan, type WindowPlan } from './plan.ts'

/** By table: what was found of it. */
export type FoundTables = ReadonlyMap<TablePlan, Found>

/**
 * What is lost, doubled or impossible in a job's tables, whatever time decided. Each record that came to a table must be in all
 * of its windows, or among the late ones, once. Each final must be there once, and be what its row is.
 */
export function lostOrDoubled(tables: FoundTables, sources: Sources): string[] {
  return [...tables].flatMap(([table, found]) => {
    const input = recordsOf(table.input, sources, tables)
    if (table.kind === 'total') return rowProblems(table, input, found)
    const finals = table.emit === 'final' ? impossibleFinals(table, found) : []
    const problems =
      table.kind === 'session' ? sessionProblems(table, input, found) : conservationProblems(table, input, found)
    return [...finals, ...problems]
  })
}

/** The records that came by a stream, as written by the step before it. */
function recordsOf(plan: StreamPlan, sources: Sources, tables: FoundTables): Output[] {
  const records = (stream: StreamPlan): FoldRecord[] => {
    switch (stream.kind) {
      case 'source':
        return (sources.get(stream.topic) ?? []).flat()
      case 'repartition':
        return records(stream.input)
      case 'merge':
        return stream.inputs.flatMap(records)
      case 'late':
      case 'results': {
        const found = tables.get(stream.table)
        const written = (stream.kind === 'late' ? found?.late : found?.results) ?? []
        return written.map((each) => ({ ...each, watermark: each.time }))
      }
      default:
        return records(stream.input).flatMap(stepOf(stream))
    }
  }
  return records(plan).flatMap(({ key, ids, time }) => (ids === null ? [] : [{ key, ids, time }]))
}

function rowProblems({ name }: TablePlan, input: readonly Output[], { rows }: Found): string[] {
  const expected = new Map<string, string[]>()
  for (const { key, ids } of input) expected.set(key, [...(expected.get(key) ?? []), ...ids])
  return [...new Set([...expected.keys(), ...rows.keys()])].flatMap((key) => {
    const wanted = `${expected.get(key)?.sort()}`
    return `${rows.get(key)}` === wanted ? [] : [`${name}: row ${key} is (${rows.get(key)}), not (${wanted})`]
  })
}

/** Each record is in one session of its key, or late. Which sessions there are depends on which records were late. */
function sessionProblems({ name }: SessionPlan, input: readonly Output[], { rows, late }: Found): string[] {
  const places = [...rows].flatMap(([row, ids]) =>
    (ids as readonly string[]).map((id) => `${id} of ${row.slice(0, row.lastIndexOf(' '))}`),
  )
  const placesOf = (records: readonly Output[]) => records.flatMap(({ key, ids }) => ids.map((id) => `${id} of ${key}`))
  const found = [...places, ...placesOf(late)]
  const wanted = placesOf(input)
  return [
    ...difference(wanted, found).map((place) => `${name}: ${place} is in no session, and not late`),
    ...difference(found, wanted).map((place) => `${name}: ${place} is there too often`),
    ...difference(late.map(textOf), input.map(textOf)).map((record) => `${name}: late record ${record} did not come`),
  ]
}

function conservationProblems(plan: WindowPlan, input: readonly Output[], found: Found): string[] {
  const expected = idsByRow(plan, input)
  const late = idsByRow(plan, found.late)
  const missing = new Map<string, readonly string[]>()
  const problems: string[] = []
  for (const row of new Set([...expected.keys(), ...found.rows.keys()])) {
    const wanted = expected.get(row) ?? []
    const there = (found.rows.get(row) ?? []) as readonly string[]
    const lacks = difference(wanted, there)
    missing.set(row, lacks)
    // Nothing shows what an open window has.
    if (showsClosedOnly(plan) && !found.rows.has(row)) continue
    const lost = difference(lacks, late.get(row) ?? [])
    const tooMuch = difference(there, wanted)
    if (lost.length > 0) problems.push(`row ${row} lacks (${lost}), and they are not late`)
    if (tooMuch.length > 0) problems.push(`row ${row} has (${tooMuch}), which did not come, or not so often`)
  }
  const unknown = difference(found.late.map(textOf), input.map(textOf))
  problems.push(...unknown.map((each) => `late record ${each} did not come, or not so often`))
  for (const record of found.late) {
    const isMissed = rowsOf(plan, record).some((row) => difference(record.ids, missing.get(row) ?? []).length === 0)
    if (!isMissed) problems.push(`late record ${textOf(record)} is in all of its windows`)
  }
  return problems.map((problem) => `${plan.name}: ${problem}`)
}

function idsByRow(plan: WindowPlan, records: readonly Output[]): Map<string, string[]> {
  const rows = new Map<string, string[]>()
  for (const record of records) {
    for (const row of rowsOf(plan, record)) rows.set(row, [...(rows.get(row) ?? []), ...record.ids])
  }
  return rows
}

function rowsOf(plan: WindowPlan, { key, time }: Output): string[] {
  return windowsOf(plan, time).map((start) => `${key} ${start}`)
}
