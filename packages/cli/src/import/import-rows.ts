import { type Log, NO_HEADERS, string, type TopicDescription } from '@millrace/core'
import type { EventTimeField } from '../event-time/event-time-field.ts'
import { badInput } from '../input-error.ts'
import { TopicAppender } from '../topic-appender.ts'
import type { ExpiryCheck } from '../topics/expiry-check.ts'
import { openResume, type Resume } from './resume.ts'
import type { ImportedRow, RowSource } from './row-source.ts'

const TEXT = string()

/** Rows between two turns of the event loop; also how often progress is told. */
const SLICE_ROWS = 5000

export interface ImportPlan {
  /** For messages. */
  readonly file: string
  readonly key: string
  /** The column that is the event time. */
  readonly timestamp: string
  readonly time: EventTimeField
  readonly expiry: ExpiryCheck
  readonly resume: boolean
  readonly progress: () => void
}

/** Appends all rows of a source; what an earlier import appended is skipped when `resume` is set. */
export async function importRows(
  log: Log,
  topic: TopicDescription,
  source: RowSource,
  plan: ImportPlan,
): Promise<{ readonly imported: number; readonly skipped: number }> {
  const resume = plan.resume ? await openResume(log, topic, plan.file) : undefined
  const appender = await TopicAppender.open(log, topic.name, topic.partitions)
  let row = 0
  let skipped = 0
  for await (const piece of source.pieces) {
    for (let from = 0; from < piece.length; from += SLICE_ROWS) {
      for (const fields of piece.slice(from, from + SLICE_ROWS)) {
        row++
        if (!appendRow(appender, fields, row, plan, source.dates.has(plan.timestamp), resume)) skipped++
      }
      if (appender.backlogged) await appender.flush()
      plan.progress()
      await new Promise(setImmediate)
    }
  }
  resume?.finish()
  await appender.flush()
  await appender.close()
  return { imported: row - skipped, skipped }
}

/** False where the row is in the topic already. */
function appendRow(
  appender: TopicAppender,
  fields: ImportedRow,
  row: number,
  plan: ImportPlan,
  isDate: boolean,
  resume: Resume | undefined,
): boolean {
  const where = `${plan.file}, row ${row}`
  const key = keyText(fields, plan.key, where)
  const timestamp = plan.time.read(fields, where, isDate)
  const value = JSON.stringify(fields)
  const partition = appender.partitionOf(key)
  if (resume?.skips(partition, { key, timestamp, value }) === true) return false
  plan.expiry.check(timestamp, where)
  appender.append(partition, timestamp, key, value, TEXT, NO_HEADERS)
  return true
}

function keyText(fields: ImportedRow, field: string, where: string): string {
  const value = fields[field]
  if (typeof value === 'string') return value
  if (value === undefined || value === null)
    throw badInput(`${where} has no field ${JSON.stringify(field)} for the key`)
  return JSON.stringify(value)
}
