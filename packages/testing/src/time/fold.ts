import { idsHash } from './ids-hash.ts'
import type { SessionPlan, StreamPlan, TablePlan, WindowPlan } from './plan.ts'

/**
 * What a job computes, by hand, only from the records of each source partition and their order there.
 *
 * - The watermark of a record is the greatest time of its source partition so far; what is computed from the record has the
 *   same watermark.
 * - A record is late for a window that has ended, with its grace, at the record's watermark.
 * - A record is late for its session if the record's watermark is past its time by more than the grace. All others of a key are
 *   cut into sessions where two are a gap or more apart.
 * - Time at a step is the least watermark of all source partitions upstream that have records.
 * - A window closes when time has passed its end and its grace. Its final has the time and watermark `end - 1`, and time after
 *   it waits for the next final.
 */
export interface FoldRecord {
  readonly key: string
  /** Null for a record without a value. */
  readonly ids: readonly string[] | null
  readonly time: number
  readonly watermark: number
}

/** The records of a source partition, each with its watermark there. */
export function withWatermarks(records: readonly Omit<FoldRecord, 'watermark'>[]): FoldRecord[] {
  let watermark = 0
  return records.map((record) => {
    watermark = Math.max(watermark, record.time)
    return { ...record, watermark }
  })
}

/**
 * One partition of a stream at the end. After a repartition there is one for all: a record's partition does not affect the
 * results.
 */
export interface Part {
  readonly records: readonly FoldRecord[]
  /** Infinite if no source partition upstream has records. */
  readonly time: number
}

/** What one key, or one key and window, of a table has collected. */
export interface Row {
  readonly key: string
  readonly start: number | undefined
  readonly records: FoldRecord[]
}

export interface FoldedTable {
  readonly rows: readonly Row[]
  readonly late: readonly FoldRecord[]
  /** The results, with the start of their windows: all finals; or the changes in their order, if the input comes in this order. */
  readonly results: readonly { readonly row: Row; readonly record: FoldRecord }[]
}

/** By topic: the records of each partition, each with its watermark. */
export type Sources = ReadonlyMap<string, readonly (readonly FoldRecord[])[]>

export class JobFold {
  readonly #sources: Sources
  readonly #tables = new Map<TablePlan, FoldedPart[]>()

  constructor(sources: Sources) {
    this.#sources = sources
  }

  table(plan: TablePlan): FoldedTable {
    const parts = this.#parts(plan)
    return {
      rows: parts.flatMap(({ rows }) => rows),
      late: parts.flatMap(({ late }) => late.records),
      results: parts.flatMap(({ results }) => results),
    }
  }

  /** A stream, partition by partition. */
  stream(plan: StreamPlan): Part[] {
    switch (plan.kind) {
      case 'source':
        return (this.#sources.get(plan.topic) ?? []).map((records) => ({
          records,
          time: records.at(-1)?.watermark ?? Number.POSITIVE_INFINITY,
        }))
      case 'filter':
      case 'tag':
      case 'copies':
      case 'keyBy': {
        const step = stepOf(plan)
        return this.stream(plan.input).map(({ records, time }) => ({ records: records.flatMap(step), time }))
      }
      case 'repartition': {
        const parts = this.stream(plan.input)
        return [{ records: parts.flatMap(({ records }) => records), time: Math.min(...parts.map(({ time }) => time)) }]
      }
      case 'merge': {
        const inputs = plan.inputs.map((input) => this.stream(input))
        return (inputs[0] ?? []).map((_, partition) => {
          const parts = inputs.flatMap((input) => input[partition] ?? [])
          return {
            records: parts.flatMap(({ records }) => records),
            time: Math.min(...parts.map(({ time }) => time)),
          }
        })
      }
      case 'late':
        return this.#parts(plan.table).map(({ late }) => late)
      case 'results':
        return this.#parts(plan.table).map(({ results, time }) => ({
          records: results.map(({ record }) => record),
          time,
        }))
    }
  }

  #parts(plan: TablePlan): FoldedPart[] {
    let parts = this.#tables.get(plan)
    if (parts === undefined) {
      parts = this.stream(plan.input).map((part) => foldPart(plan, part))
      this.#tables.set(plan, parts)
    }
    return parts
  }
}

/** What a step without state makes from a record. */
export function stepOf(
  plan: Extract<StreamPlan, { kind: 'filter' | 'tag' | 'copies' | 'keyBy' }>,
): (record: FoldRecord) => readonly FoldRecord[] {
  switch (plan.kind) {
    case 'filter':
      return (record) => (record.ids === null || idsHash(record.ids) % 4 !== 0 ? [record] : [])
    case 'tag':
      return (record) => [{ ...record, ids: record.ids?.map((id) => `${id}t`) ?? null }]
    case 'copies':
      return ({ ids, ...record }) =>
        ['x', 'y']
          .slice(0, ids === null ? 0 : idsHash(ids) % 3)
          .map((copy) => ({ ...record, ids: ids?.map((id) => `${id}${copy}`) ?? null }))
    case 'keyBy':
      return (record) => (record.ids === null ? [] : [{ ...record, key: `h${idsHash(record.ids) % plan.keys}` }])
  }
}

interface FoldedPart extends Omit<FoldedTable, 'late'> {
  readonly late: Part
  readonly time: number
}

function foldPart(plan: TablePlan, part: Part): FoldedPart {
  if (plan.kind === 'session') return foldSessions(plan, part)
  const { records, time } = part
  const rows = new Map<string, Row>()
  const late: FoldRecord[] = []
  const changes: { row: Row; record: FoldRecord }[] = []
  for (const record of records) {
    if (record.ids === null) continue
    const starts = plan.kind === 'total' ? [undefined] : windowsOf(plan, record.time)
    let isLate = false
    for (const start of starts) {
      if (plan.kind === 'window' && start !== undefined && closesAt(plan, start) <= record.watermark) {
        isLate = true
        continue
      }
      const name = `${record.key} ${start}`
      const row: Row = rows.get(name) ?? { key: record.key, start, records: [] }
      rows.set(name, row)
      row.records.push(record)
      changes.push({ row, record: { ...sum(row.records), key: record.key, watermark: record.watermark } })
    }
    if (isLate) late.push(record)
  }
  const folded = { rows: [...rows.values()], late: { records: late, time } }
  if (plan.kind === 'total' || plan.emit === 'changes') return { ...folded, results: changes, time }
  const results = folded.rows.flatMap((row) => {
    if (row.start === undefined || closesAt(plan, row.start) > time) return []
    const last = row.start + plan.sizeMs - 1
    return [{ row, record: { key: row.key, ids: sum(row.records).ids, time: last, watermark: last } }]
  })
  return { ...folded, results, time: heldTime(plan, time) }
}

function foldSessions({ gapMs, graceMs }: SessionPlan, { records, time }: Part): FoldedPart {
  const added = records.filter(({ ids }) => ids !== null)
  const isLate = ({ watermark, time: at }: FoldRecord) => watermark > at + graceMs
  // Late records are in the order in which they came.
  const late = added.filter(isLate)
  const rows: Row[] = []
  for (const record of added.filter((each) => !isLate(each)).sort((a, b) => a.time - b.time)) {
    const row = rows.findLast(({ key }) => key === record.key)
    if (row !== undefined && record.time - lastTime(row) < gapMs) row.records.push(record)
    else rows.push({ key: record.key, start: record.time, records: [record] })
  }
  const results = rows.flatMap((row) => {
    const end = lastTime(row) + gapMs
    if (end + graceMs > time) return []
    return [{ row, record: { key: row.key, ids: sum(row.records).ids, time: end - 1, watermark: end - 1 } }]
  })
  return { rows, late: { records: late, time }, results, time: time - graceMs }
}

function lastTime({ records }: Row): number {
  return records.at(-1)?.time ?? Number.NaN
}

/** The starts of the windows that contain a time: the latest first, as records are added to them. */
export function windowsOf({ sizeMs, advanceMs }: WindowPlan, time: number): number[] {
  const starts: number[] = []
  for (let start = Math.floor(time / advanceMs) * advanceMs; start > time - sizeMs; start -= advanceMs)
    starts.push(start)
  return starts
}

function closesAt({ sizeMs, graceMs }: WindowPlan, start: number): number {
  return start + sizeMs + graceMs
}

/** Time after finals: at most the last ms of the first window that is still open. */
function heldTime(plan: WindowPlan, time: number): number {
  if (time === Number.POSITIVE_INFINITY) return time
  let start = Math.floor(time / plan.advanceMs) * plan.advanceMs
  while (closesAt(plan, start - plan.advanceMs) > time) start -= plan.advanceMs
  while (closesAt(plan, start) <= time) start += plan.advanceMs
  return Math.min(time, start + plan.sizeMs - 1)
}

/** The ids of all records together, and the greatest of their times. */
export function sum(records: readonly FoldRecord[]): { ids: readonly string[]; time: number } {
  return {
    ids: records.flatMap(({ ids }) => ids ?? []).sort(),
    time: Math.max(...records.map(({ time }) => time)),
  }
}
