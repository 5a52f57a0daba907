import type { Log } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import { type FoundRecord, readRecords } from '../../read-records.ts'
import { viewRows } from '../../time/found.ts'
import { hold } from '../invariants.ts'
import { expectedTables, latestOf, type Sources } from './expected-tables.ts'
import type { Row } from './rows.ts'
import { changesTopic, type Extent, LEFT, NOTES, RIGHT, TARGETS, type TableValue, tableNames } from './tables-job.ts'
import type { TablesPlan } from './tables-plan.ts'

/** How many differences a violation lists: one fault causes many. */
const LISTED_MAX = 5

type Change = FoundRecord<string, TableValue>

/**
 * Checks the changes of every table as they are at any moment. No row is deleted that is not there, and each change differs from the one
 * before of its key. The rows of `rows` and `joined` come from later and later source records: none was emitted again.
 */
export async function auditChanges(log: Log, plan: TablesPlan, extent: Extent): Promise<void> {
  for (const name of tableNames(plan, extent)) {
    const changes = await readRecords(log, changesTopic(name))
    // A join by another key passes over what was true only while an answer was on its way. So a row may come to what it was before.
    const mayRepeat = plan.reference !== undefined && !['rows', 'joined', 'notes'].includes(name)
    for (const [key, ofKey] of Map.groupBy(changes, (change) => change.key)) {
      const values = ofKey.map(({ value }) => JSON.stringify(value))
      const before = (index: number) => (index === 0 ? 'null' : values[index - 1])
      const repeated = values.findIndex((value, at) => value === before(at) && (!mayRepeat || value === 'null'))
      hold('tables follow their rows', repeated < 0, () => {
        return `change ${repeated} of ${key} in ${name} is the same as the one before: ${values[repeated]}`
      })
      if (name === 'rows' || name === 'joined') checkProgress(name, key, ofKey)
    }
  }
}

/** Of each topic, the source records of a row come in their order. */
function checkProgress(name: string, key: string, changes: readonly Change[]): void {
  const latest = new Map<string, number>()
  for (const { value } of changes) {
    for (const id of value === null ? [] : (value as Row).ids) {
      const [topic, number] = [id.slice(0, 1), Number(id.slice(1))]
      hold('no double count', number >= (latest.get(topic) ?? 0), () => {
        return `${name} has a row of ${key} from ${id} after one from ${topic}${latest.get(topic)}`
      })
      latest.set(topic, number)
    }
  }
}

/** Compares what each table has emitted, and what its view holds, with what the table is by its definition. */
export async function auditTables(log: Log, container: Container, plan: TablesPlan, extent: Extent): Promise<void> {
  const sources: Sources = {
    left: await readRecords(log, LEFT),
    right: await readRecords(log, RIGHT),
    targets: await readRecords(log, TARGETS),
    notes: await readRecords(log, NOTES),
  }
  const expected = expectedTables(plan, sources)
  for (const name of tableNames(plan, extent)) {
    const changes = await readRecords(log, changesTopic(name))
    const wanted = expected.get(name) ?? new Map<string, TableValue>()
    compare(`the view ${name}`, wanted, await viewRows(container, name))
    compare(`what the changes of ${name} come to`, wanted, latestOf(changes))
    if (name === 'joined') checkTimes(name, 2, changes, sources)
    if (name === 'referred') checkTimes(name, 3, changes, sources)
  }
}

function compare(what: string, wanted: ReadonlyMap<string, unknown>, found: ReadonlyMap<string, unknown>): void {
  const keys = [...new Set([...wanted.keys(), ...found.keys()])]
  const problems = keys.flatMap((key) => {
    const [right, is] = [canonical(wanted.get(key)), canonical(found.get(key))]
    return right === is ? [] : [`${key} is ${is}, and should be ${right}`]
  })
  hold('tables follow their rows', problems.length === 0, () => {
    return `${what}: ${problems.slice(0, LISTED_MAX).join('; ')} (${problems.length} in all)`
  })
}

/** The text of a value, whatever the order of its fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    const isPlain = typeof each === 'object' && each !== null && !Array.isArray(each)
    return isPlain ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each
  })
}

/** A row of so many source records has the latest of their times. */
function checkTimes(name: string, parts: number, changes: readonly Change[], sources: Sources): void {
  const { left, right, targets } = sources
  const times = new Map(
    [...left, ...right, ...targets].flatMap(({ value, time }) =>
      value === null ? [] : value.ids.map((id) => [id, time]),
    ),
  )
  for (const { key, value, time } of changes) {
    const ids = value === null ? [] : (value as Row).ids
    if (ids.length !== parts) continue
    const latest = Math.max(...ids.map((id) => times.get(id) ?? Number.NaN))
    hold('tables follow their rows', time === latest, () => {
      return `the row ${ids} of ${key} in ${name} has the time ${time}, and its records ${latest}`
    })
  }
}
