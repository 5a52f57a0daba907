import type { Log } from '@millrace/core'

const CATALOG = 'orders.catalog'

/** What a job's catalog says about how the job was set back. */
export interface SetBackState {
  /** Whether a restore has begun, and is not done. */
  readonly isUnfinished: boolean
  /** The restore that the job continues from. */
  readonly id: string | undefined
  /** How far the job had come each time, by topic and partition. */
  readonly fences: readonly Readonly<Record<string, Readonly<Record<number, { readonly offset: number }>>>>[]
}

/** Of a job that was never set back. */
export const NOT_SET_BACK: SetBackState = { isUnfinished: false, id: undefined, fences: [] }

interface CatalogRecord {
  readonly unfinished?: string
  readonly restored?: { readonly id: string; readonly fences: SetBackState['fences'] }
}

/** Whether, and from where, the world's job was set back. */
export async function readSetBack(log: Log): Promise<SetBackState> {
  let last: CatalogRecord = {}
  // The topic does not exist until a container makes it.
  if ((await log.admin.describeTopic(CATALOG)) !== undefined) {
    const reader = log.openReader()
    const { start } = await log.admin.offsets(CATALOG, 0)
    const batches = await reader.assign(CATALOG, 0, start)
    for (let batch = batches.poll(); batch !== undefined; batch = batches.poll()) {
      while (batch.next()) last = JSON.parse(batch.bytes.toString('utf8', batch.valueStart, batch.valueEnd))
    }
    await reader.close()
  }
  return { isUnfinished: last.unfinished !== undefined, id: last.restored?.id, fences: last.restored?.fences ?? [] }
}
