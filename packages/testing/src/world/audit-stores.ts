import { openFileLog } from '@millrace/connectors'
import type { Log } from '@millrace/core'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { DATA, eachChange, storedText } from './audit.ts'
import { hold } from './invariants.ts'

const CHECKSUM_BYTES = 4
/** Where a task's state may stand: in its directory, or beside it where a stopped process held that. */
const COPIES = ['', '.2', '.3', '.4']
/** The store of each subtopology's tasks. */
const STORES = { orders: 'windows', 'orders.totals.repartition': 'totals' } as const

/** The local stores that a world has in the end. */
export interface LeftStores {
  /** What a directory holds, by key as Latin-1; undefined where there is nothing, or nothing that can be opened. */
  readonly contentOf: (directory: string) => ReadonlyMap<string, Buffer> | undefined
  /** Whether one store of each task must stand at the end of its changelog. */
  readonly complete: boolean
}

/**
 * Compares every store of a task that has come to the end of its changelog with that. What one that stands further back
 * should hold is not known any more: the changelog is compacted.
 */
export async function auditStores(
  process: SimulatedProcess,
  partitions: number,
  { contentOf, complete }: LeftStores,
): Promise<void> {
  const log = await openFileLog({ directory: DATA, env: process.env })
  for (let partition = 0; partition < partitions; partition++) {
    for (const [subtopology, store] of Object.entries(STORES)) {
      const task = `${subtopology}-${partition}`
      const { wanted, nextOffset } = await storeInChangelog(log, partition, store)
      let current = false
      for (const copy of COPIES) {
        const content = contentOf(`${DATA}/state/orders/${task}${copy}`)
        if (content === undefined || positionIn(content) < nextOffset) continue
        const stored = textOf(content, store)
        hold('state is the fold of the changelog', stored === wanted, () => {
          return `task ${task}${copy} holds ${stored}; its changelog ${wanted}`
        })
        current = true
      }
      hold('state is the fold of the changelog', current || !complete, () => {
        return `no store of task ${task} has come to offset ${nextOffset} of its changelog`
      })
    }
  }
  await log.close()
}

/** What a store should hold, and past which offset it has all of it. */
async function storeInChangelog(log: Log, partition: number, store: string) {
  const latest = new Map<string, string>()
  let nextOffset = 0
  await eachChange(log, partition, (key, value, offset) => {
    if (!key.startsWith(`${store}\0`)) return
    nextOffset = offset + 1
    if (value === null) latest.delete(key)
    else latest.set(key, value)
  })
  return { wanted: JSON.stringify([...latest].sort()), nextOffset }
}

function textOf(content: ReadonlyMap<string, Buffer>, store: string): string {
  const entries = [...content].filter(([key]) => key.startsWith(`${store}\0`))
  const texts = entries.map(([key, value]) => [key, storedText(key, value, CHECKSUM_BYTES, value.length)])
  return JSON.stringify(texts.sort())
}

/** Before which offset of the changelog a store has everything; nothing where it was just made. */
function positionIn(content: ReadonlyMap<string, Buffer>): number {
  const record = content.get('\0position')
  return record === undefined ? 0 : JSON.parse(record.toString('utf8', CHECKSUM_BYTES)).nextOffset
}
