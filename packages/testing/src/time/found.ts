import type { Log, Topic } from '@millrace/core'
import type { ServedView } from '@millrace/runtime'
import { readRecords } from '../read-records.ts'
import type { Found, Output, Result } from './differences.ts'
import { type Ids, lateTopic, resultsTopic, totalsTopic } from './ids-job.ts'
import type { TablePlan } from './plan.ts'

/** What runs a job and serves its views. */
interface Serving {
  readonly views: readonly ServedView[]
}

/** Finds what a job has written for a table; `serving` runs the job, and serves its view. */
export async function findTable(log: Log, serving: Serving, plan: TablePlan): Promise<Found> {
  const late = plan.kind !== 'total' ? await readTopic(log, lateTopic(plan.name)) : []
  return { results: await findResults(log, plan), late, rows: await viewRows(serving, plan.name) }
}

/** The committed results of a table, partition by partition. */
export async function findResults(log: Log, { kind, name }: TablePlan): Promise<Result[]> {
  if (kind === 'total') return (await readTopic(log, totalsTopic(name))).map((each) => ({ ...each, start: undefined }))
  const records = await readTopic(log, resultsTopic(name))
  return records.map(({ key: { key, window }, ...rest }) => ({ ...rest, key, start: window.start }))
}

/** The committed records of a topic, partition by partition. */
export async function readTopic<K>(
  log: Log,
  topic: Topic<K, Ids>,
): Promise<(Omit<Output, 'key'> & { readonly key: K; readonly partition: number })[]> {
  return (await readRecords(log, topic)).map(({ value, ...rest }) => ({ ...rest, ids: value ?? [] }))
}

/** The committed rows of a view: `key` or `key start`, and the value. */
export async function viewRows({ views }: Serving, name: string): Promise<Map<string, unknown>> {
  const rows = new Map<string, unknown>()
  const view = views.find((each) => each.name === name)
  if (view === undefined) throw new Error(`There is no view ${name}`)
  for (const { store } of view.parts) {
    let after: Buffer | undefined
    do {
      const page = await store.range({ limit: 500, ...(after !== undefined && { after }) })
      for (const { key, window, value } of page.entries) {
        rows.set(window === undefined ? `${key}` : `${key} ${window.start}`, value)
      }
      after = page.next ?? undefined
    } while (after !== undefined)
  }
  return rows
}
