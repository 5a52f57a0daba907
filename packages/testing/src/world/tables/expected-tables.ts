import type { FoundRecord } from '../../read-records.ts'
import { type Row, together, totalOf, withRow } from './rows.ts'
import { enlarged, isKept, type NoteTotals, type Ranking, rankGroupOf, sizeOf, type TableValue } from './tables-job.ts'
import type { TablesPlan, TopPlan } from './tables-plan.ts'

type Rows = ReadonlyMap<string, Row>
type Values = ReadonlyMap<string, TableValue>

/** The committed records of the topics that a job reads as tables, and its notes. */
export interface Sources {
  readonly left: readonly FoundRecord<string, Row>[]
  readonly right: readonly FoundRecord<string, Row>[]
  readonly targets: readonly FoundRecord<string, Row>[]
  readonly notes: readonly FoundRecord<null, Row>[]
}

/** What the tables of a job are, by the definition of each: from the latest record of each key. */
export function expectedTables(plan: TablesPlan, sources: Sources): ReadonlyMap<string, Values> {
  const rows = latestOf(sources.left)
  const joined = joinedRows(plan, rows, latestOf(sources.right))
  const last = plan.reference === undefined ? joined : referredRows(plan, joined, latestOf(sources.targets))
  const groups = Map.groupBy([...last.values()].map(totalOf), ({ group }) => group)
  const totals = mapped(groups, (members) => members.slice(1).reduce(withRow, firstOf(members)))
  const counts = mapped(groups, (members) => members.length)
  const sizes = mapped(Map.groupBy([...totals.values()], sizeOf), (members) => members.length)
  return new Map<string, Values>([
    ['rows', rows],
    ['joined', joined],
    ['referred', last],
    ['totals', plan.totals === 'count' ? counts : totals],
    ['sizes', sizes],
    ['top', rankings(plan.top, { joined, 'last join': last, totals }[plan.top.of])],
    ['notes', noteTotals(sources.notes)],
  ])
}

/** The latest value of each key, without the keys that were deleted last. */
export function latestOf<V>(records: readonly FoundRecord<string, V>[]): ReadonlyMap<string, V> {
  const latest = new Map<string, V>()
  for (const { key, value } of records) {
    if (value === null) latest.delete(key)
    else latest.set(key, value)
  }
  return latest
}

function joinedRows({ derived, word }: TablesPlan, rows: Rows, right: Rows): Rows {
  const left = {
    nothing: () => rows,
    filter: () => new Map([...rows].filter(([, row]) => isKept(row))),
    mapValues: () => mapped(rows, enlarged),
  }[derived]()
  const keys = {
    join: [...left.keys()].filter((key) => right.has(key)),
    leftJoin: left.keys(),
    outerJoin: [...left.keys(), ...right.keys()],
  }[word]
  return new Map([...keys].map((key) => [key, together(left.get(key) ?? null, right.get(key) ?? null)]))
}

function referredRows({ reference }: TablesPlan, joined: Rows, targets: Rows): Rows {
  const targetOf = ({ ref }: Row) => (ref === null ? undefined : targets.get(ref))
  const kept = [...joined].filter(([, row]) => reference === 'leftJoinBy' || targetOf(row) !== undefined)
  return new Map(kept.map(([key, row]) => [key, together(row, targetOf(row) ?? null)]))
}

function rankings({ rows, order, grouped }: TopPlan, ranked: Rows): ReadonlyMap<string, Ranking> {
  const sign = order === 'descending' ? -1 : 1
  const sorted = [...ranked].sort(([a, left], [b, right]) => sign * (left.size - right.size) || (a < b ? -1 : 1))
  const groups = Map.groupBy(sorted, ([, row]) => (grouped ? rankGroupOf(row) : 'all'))
  return mapped(groups, (members) =>
    members.slice(0, rows).map(([key, value], index) => ({ rank: index + 1, key, value })),
  )
}

function noteTotals(notes: Sources['notes']): ReadonlyMap<string, NoteTotals> {
  const rows = notes.flatMap(({ value }) => value ?? [])
  return mapped(
    Map.groupBy(rows, ({ group }) => group),
    (members) => {
      const sizes = members.map(({ size }) => size)
      return {
        notes: sizes.length,
        size: sizes.reduce((sum, size) => sum + size, 0),
        least: Math.min(...sizes),
        greatest: Math.max(...sizes),
        sizes: new Set(sizes).size,
      }
    },
  )
}

function mapped<V, W>(map: ReadonlyMap<string, V>, fn: (value: V) => W): Map<string, W> {
  return new Map([...map].map(([key, value]) => [key, fn(value)]))
}

function firstOf(members: readonly Row[]): Row {
  const [first] = members
  if (first === undefined) throw new Error('A group without rows')
  return first
}
