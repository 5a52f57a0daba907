import type { Log, Topic } from '@millrace/core'
import { readRecords } from '../../read-records.ts'
import { hold } from '../invariants.ts'
import type { Row } from './rows.ts'
import type { Visit, Visited } from './tables-job.ts'

/** Visits of the rows of a topic, and what they were joined with. */
interface VisitTopics {
  readonly visits: Topic<string, Visit>
  readonly visited: Topic<string, Visited>
  readonly rows: Topic<string, Row>
}

/**
 * Checks a join of visits with a table. Each visit is there once, in its order, with a row that the table had: not one from
 * before what could be read when the visit was appended, nor from before the row that another visit of its task had met.
 */
export async function auditVisits(log: Log, topics: VisitTopics, isComplete: boolean): Promise<void> {
  // What is read later has what these come from.
  const visited = Map.groupBy(await readRecords(log, topics.visited), ({ partition }) => partition)
  const visits = Map.groupBy(await readRecords(log, topics.visits), ({ partition }) => partition)
  const rows = Map.groupBy(await readRecords(log, topics.rows), ({ key }) => key)
  for (const [partition, all] of visits) {
    const expected = all.flatMap(({ value }) => value ?? [])
    const found = (visited.get(partition) ?? []).flatMap(({ value }) => value ?? [])
    const place = `of partition ${partition} of ${topics.visits.name}`
    hold(
      'tables follow their rows',
      found.length <= expected.length && (!isComplete || found.length === expected.length),
      () => {
        return `${found.length} visits ${place} were joined; there are ${expected.length}`
      },
    )
    const reached = new Map<string, number>()
    for (const [index, { of, known, found: id }] of found.entries()) {
      const visit = expected[index]
      hold('order per key', visit?.of === of && visit.known === known, () => {
        return `visit ${index} ${place} is ${of} ${known} in its topic's copy, and ${visit?.of} ${visit?.known}`
      })
      // Before its first record the table has no row.
      const history = [null, ...(rows.get(of) ?? []).map(({ value }) => value?.ids[0] ?? null)]
      const from = Math.max(reached.get(of) ?? 0, Math.min(known, history.length - 1))
      const at = history.indexOf(id, from)
      hold('tables follow their rows', at >= 0, () => {
        return `visit ${index} ${place} has met ${id} of ${of}, which had come to ${history[from]} (${from}) by then: ${history}`
      })
      reached.set(of, at)
    }
  }
}
