import {
  count,
  distinct,
  globalTable,
  type Job,
  job,
  json,
  max,
  min,
  type Output,
  type Ranked,
  stream,
  string,
  sum,
  type Table,
  table,
  topic,
} from '@millrace/core'
import { type Row, row, together, totalOf, withoutRow, withRow } from './rows.ts'
import type { TablesPlan, TopPlan } from './tables-plan.ts'

/** Topics that are read as tables. Left and right rows have the same keys; the keys of targets are what rows refer to. */
export const LEFT = topic('left', { key: string(), value: row })
export const RIGHT = topic('right', { key: string(), value: row })
export const TARGETS = topic('targets', { key: string(), value: row })
/** A topic that is read as a global table. */
export const EVERYWHERE = topic('everywhere', { key: string(), value: row })

/** A record that is joined with a row. */
export interface Visit {
  readonly of: string
  /** How many records of that row could be read before this one was appended. */
  readonly known: number
}

/** What a visit was joined with. */
export interface Visited extends Visit {
  readonly found: string | null
}

export const VISITS = topic('visits', { key: string(), value: json<Visit>() })
export const VISITED = topic('visited', { key: string(), value: json<Visited>() })
/** The same for a table: the row has the key of the visit. */
export const GLANCES = topic('glances', { key: string(), value: json<Visit>() })
export const GLANCED = topic('glanced', { key: string(), value: json<Visited>() })

/** Records without keys. */
export const NOTES = topic('notes', { value: row })

/** What a group of notes comes to. */
export interface NoteTotals {
  readonly notes: number
  readonly size: number
  readonly least: number
  readonly greatest: number
  readonly sizes: number
}

export type Ranking = readonly Ranked<string, Row>[]

/** A value of a table of the job. */
export type TableValue = Row | number | Ranking | NoteTotals

/** The changes of a table. */
export const changesTopic = (name: string) => topic(`${name}-changes`, { key: string(), value: json<TableValue>() })

/** Which tables a job has, beside those that are computed from rows. */
export interface Extent {
  /** Whether it has the tables and streams that read topics of which nothing else is computed. */
  readonly others: boolean
}

/** `work` is called for each joined row: it stands for the work of the job's callbacks. */
export function tablesJob(name: string, plan: TablesPlan, { others }: Extent, work: () => void): Job {
  const rows = table(LEFT, 'rows')
  const tables = { ...rowTables(plan, rows, work), ...(others && { notes: notesTable() }) }
  const outputs = Object.entries(tables).flatMap(([each, made]): (Output | Table<string, TableValue>)[] => {
    return [made, made.changes().to(changesTopic(each))]
  })
  return job(name, ...outputs, ...(others ? [visits(work), glances(rows)] : []))
}

/** The names of the tables of a job. */
export function tableNames({ reference, totals }: TablesPlan, { others }: Extent): readonly string[] {
  return [
    'rows',
    'joined',
    ...(reference === undefined ? [] : ['referred']),
    'totals',
    ...(totals === 'count' ? [] : ['sizes']),
    'top',
    ...(others ? ['notes'] : []),
  ]
}

/** Whether a left row is kept by the filter. */
export function isKept({ size }: Row): boolean {
  return size > 1
}

export function enlarged(before: Row): Row {
  return { ...before, size: 10 * before.size }
}

/** The group of a total. */
export function sizeOf({ ids }: Row): string {
  return `s${ids.length % 3}`
}

/** The group in which a row is ranked. */
export function rankGroupOf({ ref }: Row): string {
  return ref ?? 'none'
}

function rowTables(
  plan: TablesPlan,
  rows: Table<string, Row>,
  work: () => void,
): Record<string, Table<string, TableValue>> {
  const joined = joinedRows(plan, rows, work)
  const referred = referredRows(plan, joined, work)
  const last = referred ?? joined
  const groups = last.mapValues(totalOf, { value: row }).groupBy(({ group }) => group, string())
  if (plan.totals === 'count') {
    const top = topOf(plan.top, plan.top.of === 'joined' ? joined : last)
    return { rows, joined, ...(referred && { referred }), totals: groups.count('totals'), top }
  }
  const totals =
    plan.totals === 'reduce'
      ? groups.reduce('totals', { add: withRow, subtract: withoutRow })
      : groups.aggregate('totals', { init: noRows, add: addInPlace, subtract: subtractInPlace, value: row })
  const sizes = totals.groupBy(sizeOf, string()).count('sizes')
  const ranked = { joined, 'last join': last, totals }[plan.top.of]
  return { rows, joined, ...(referred && { referred }), totals, sizes, top: topOf(plan.top, ranked) }
}

function joinedRows(
  { derived, word, moved, bootstrap }: TablesPlan,
  rows: Table<string, Row>,
  work: () => void,
): Table<string, Row> {
  const left = {
    nothing: () => rows,
    filter: () => rows.filter(isKept),
    mapValues: () => rows.mapValues(enlarged, { name: 'enlarged', value: row }),
  }[derived]()
  const right = moved
    ? stream(RIGHT).repartition('moved').toTable('right-rows')
    : table(RIGHT, 'right-rows', { bootstrap })
  const join = (a: Row | null, b: Row | null) => {
    work()
    return together(a, b)
  }
  const joins = {
    join: () => left.join('joined', right, join, { value: row }),
    leftJoin: () => left.leftJoin('joined', right, join, { value: row }),
    outerJoin: () => left.outerJoin('joined', right, join, { value: row }),
  }
  return joins[word]()
}

function referredRows(
  { reference, bootstrap }: TablesPlan,
  joined: Table<string, Row>,
  work: () => void,
): Table<string, Row> | undefined {
  if (reference === undefined) return undefined
  const targets = table(TARGETS, 'target-rows', { bootstrap })
  const join = (a: Row, b: Row | null) => {
    work()
    return together(a, b)
  }
  const joins = {
    joinBy: () => joined.joinBy('referred', targets, ({ ref }) => ref, join, { value: row }),
    leftJoinBy: () => joined.leftJoinBy('referred', targets, ({ ref }) => ref, join, { value: row }),
  }
  return joins[reference]()
}

function topOf({ rows, order, grouped }: TopPlan, ranked: Table<string, Row>): Table<string, Ranking> {
  const by = ({ size }: Row) => size
  return grouped
    ? ranked.groupBy(rankGroupOf, string()).topN('top', rows, by, { order })
    : ranked.topN('top', rows, by, { order })
}

function noRows(): Row {
  return { ids: [], size: 0, ref: null, group: '' }
}

/** A total may change in place: what was passed on before must not change with it. */
function addInPlace(total: Row, added: Row): Row {
  return Object.assign(total, withRow(total, added))
}

function subtractInPlace(total: Row, gone: Row): Row {
  return Object.assign(total, withoutRow(total, gone))
}

function notesTable(): Table<string, TableValue> {
  const size = (note: Row) => note.size
  const folds = { notes: count(), size: sum(size), least: min(size), greatest: max(size), sizes: distinct(size) }
  return stream(NOTES)
    .groupBy(({ group }) => group, string())
    .aggregate('notes', folds)
}

function visits(work: () => void): Output {
  const visited = stream(VISITS).leftJoin(
    'visited',
    globalTable(EVERYWHERE),
    ({ of }) => of,
    (visit, found): Visited => {
      work()
      return joinedVisit(visit, found)
    },
  )
  return visited.to(VISITED)
}

function glances(rows: Table<string, Row>): Output {
  return stream(GLANCES).leftJoin('glanced', rows, joinedVisit).to(GLANCED)
}

function joinedVisit(visit: Visit, found: Row | null): Visited {
  return { ...visit, found: found?.ids[0] ?? null }
}
