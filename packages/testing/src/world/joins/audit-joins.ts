import type { Log } from '@millrace/core'
import { readRecords } from '../../read-records.ts'
import { hold } from '../invariants.ts'
import { regroupedKey } from '../regrouped-key.ts'
import { idTopic, type JoinPlan, LEFT, lateTopic, pairsTopic, RIGHT } from './joins-job.ts'

/** How many differences a violation lists: one fault causes many. */
const LISTED_MAX = 5

interface IdRecord {
  readonly key: string
  readonly id: string | null
  readonly time: number
  readonly partition: number
}

/** The records of a side that are in time by the watermark of their partition, and the others. */
interface Side {
  readonly inTime: readonly IdRecord[]
  readonly late: readonly IdRecord[]
}

/** Checks that no pair, no record without a partner and no late record was written twice. */
export async function auditRepeats(log: Log, plans: readonly JoinPlan[]): Promise<void> {
  for (const { name } of plans) {
    for (const topic of [pairsTopic(name), lateTopic(name, 'left'), lateTopic(name, 'right')]) {
      const written = (await readIds(log, topic.name)).map(({ key, id }) => `${key}: ${id}`)
      const repeated = written.filter((each, index) => written.indexOf(each) !== index)
      hold('no double count', repeated.length === 0, () => `${topic.name} has twice: ${repeated.slice(0, LISTED_MAX)}`)
    }
  }
}

/**
 * Compares what the joins have written with what the textbook says of the records that are in time. `endMs` is the time up to which
 * everything is decided: each partition of both topics has a record of that time.
 */
export async function auditJoins(log: Log, plans: readonly JoinPlan[], endMs: number): Promise<void> {
  const [left, right] = [await readIds(log, LEFT), await readIds(log, RIGHT)]
  for (const plan of plans) {
    const sides = [judged(left, plan), judged(right, plan)] as const
    const expected = plan.within === undefined ? rowsAsOf(...sides, endMs - plan.grace) : pairsOf(plan, ...sides, endMs)
    compare(`pairs of ${plan.name}`, expected, await readIds(log, pairsTopic(plan.name).name))
    compare(`late left records of ${plan.name}`, sides[0].late, await readIds(log, lateTopic(plan.name, 'left').name))
    compare(`late right records of ${plan.name}`, sides[1].late, await readIds(log, lateTopic(plan.name, 'right').name))
  }
}

function compare(what: string, expected: readonly IdRecord[], found: readonly IdRecord[]): void {
  const text = ({ key, id, time }: IdRecord) => `${key}: ${id} at ${time}`
  const [wanted, written] = [new Set(expected.map(text)), new Set(found.map(text))]
  const problems = [
    ...[...wanted].filter((each) => !written.has(each)).map((each) => `${each} is missing`),
    ...[...written].filter((each) => !wanted.has(each)).map((each) => `${each} is wrong`),
  ]
  hold('joins pair the records that are in time', problems.length === 0, () => {
    return `${what}: ${problems.slice(0, LISTED_MAX).join('; ')} (${problems.length} in all)`
  })
}

function judged(records: readonly IdRecord[], { grace, regrouped }: JoinPlan): Side {
  const watermarks = new Map<number, number>()
  const inTime: IdRecord[] = []
  const late: IdRecord[] = []
  for (const record of records) {
    const watermark = Math.max(watermarks.get(record.partition) ?? record.time, record.time)
    watermarks.set(record.partition, watermark)
    const key = regrouped ? regroupedKey(record.key) : record.key
    if (watermark > record.time + grace) late.push({ ...record, key })
    else inTime.push({ ...record, key })
  }
  return { inTime, late }
}

function pairsOf({ word, within, grace }: JoinPlan, left: Side, right: Side, endMs: number): IdRecord[] {
  const { before, after } = within ?? { before: 0, after: 0 }
  const matches = (a: IdRecord, b: IdRecord) => a.key === b.key && b.time >= a.time - before && b.time <= a.time + after
  const pairs = left.inTime.flatMap((a) =>
    right.inTime.flatMap((b) =>
      matches(a, b) ? [{ ...a, id: `${a.id} ${b.id}`, time: Math.max(a.time, b.time) }] : [],
    ),
  )
  if (word !== 'join') {
    const alone = left.inTime.filter((a) => a.time + after + grace < endMs && !right.inTime.some((b) => matches(a, b)))
    pairs.push(...alone.map((a) => ({ ...a, id: `${a.id} null` })))
  }
  if (word === 'outerJoin') {
    const alone = right.inTime.filter((b) => b.time + before + grace < endMs && !left.inTime.some((a) => matches(a, b)))
    pairs.push(...alone.map((b) => ({ ...b, id: `null ${b.id}` })))
  }
  return pairs
}

/** Each left record before the end, with the last right record of its key that is not later. */
function rowsAsOf(left: Side, right: Side, endMs: number): IdRecord[] {
  const known = left.inTime.filter(({ time }) => time < endMs)
  return known.map((record) => {
    const rows = right.inTime.filter((row) => row.key === record.key && row.time <= record.time)
    const last = rows.reduce<IdRecord | undefined>(
      (best, row) => (best === undefined || row.time >= best.time ? row : best),
      undefined,
    )
    return { ...record, id: `${record.id} ${last?.id ?? null}` }
  })
}

/** The committed records of a topic of ids, partition by partition. */
async function readIds(log: Log, name: string): Promise<IdRecord[]> {
  return (await readRecords(log, idTopic(name))).map(({ value, ...rest }) => ({ ...rest, id: value }))
}
