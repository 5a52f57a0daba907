import type { Log } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import { type FoundTables, lostOrDoubled } from '../time/conservation.ts'
import { contentProblems, differences, type Found, missingFinals } from '../time/differences.ts'
import { JobFold, type Sources, withWatermarks } from '../time/fold.ts'
import { findTable, readTopic } from '../time/found.ts'
import { sourceTopic } from '../time/ids-job.ts'
import type { TablePlan } from '../time/plan.ts'
import { hold } from './invariants.ts'
import type { TimesPlan } from './times-job.ts'

/** How many differences a violation lists: one fault causes many. */
const LISTED_MAX = 5

/**
 * What idle time-outs may have done: nothing; closed windows for which no more records came, because all records of an input
 * had come; or made records late that came after a long silence.
 */
export type Idleness = 'none' | 'after the last records' | 'amid the records'

/**
 * Compares what a job has written, and what its views hold, with the fold of its sources. If idle time-outs had an effect, each
 * record must still be counted or late, and each final must be there once, with the value of its row.
 */
export async function auditTimes(log: Log, container: Container, plan: TimesPlan, idleness: Idleness): Promise<void> {
  const sources = await readSources(log, plan)
  const fold = new JobFold(sources)
  const found = new Map<TablePlan, Found>()
  for (const table of plan.tables) found.set(table, await findTable(log, container, table))
  const problems = [
    ...lostOrDoubled(found, sources),
    ...(idleness === 'none' ? allDifferences(found, fold) : []),
    ...(idleness === 'after the last records' ? differencesBefore(plan, found, fold) : []),
  ]
  hold('records alone decide what is late and final', problems.length === 0, () => {
    return `${problems.slice(0, LISTED_MAX).join('; ')} (${problems.length} in all; idle inputs: ${idleness})`
  })
}

function allDifferences(tables: FoundTables, fold: JobFold): string[] {
  return [...tables].flatMap(([table, found]) => differences(table, found, fold.table(table)))
}

/** What must not depend on time-outs if none came before an input's last record: everything except how many windows have closed. */
function differencesBefore({ first }: TimesPlan, tables: FoundTables, fold: JobFold): string[] {
  return [...tables].flatMap(([table, found]) => {
    if (first.every((each) => each !== table)) return []
    const folded = fold.table(table)
    return [...contentProblems(table, found, folded), ...missingFinals(table, found, folded)]
  })
}

async function readSources(log: Log, { topics }: TimesPlan): Promise<Sources> {
  const sources = new Map<string, ReturnType<typeof withWatermarks>[]>()
  for (const topic of topics) {
    const { partitions } = (await log.admin.describeTopic(topic)) ?? { partitions: 0 }
    const records = await readTopic(log, sourceTopic(topic))
    const parts = Array.from({ length: partitions }, (_, partition) =>
      records.filter((each) => each.partition === partition),
    )
    sources.set(topic, parts.map(withWatermarks))
  }
  return sources
}
