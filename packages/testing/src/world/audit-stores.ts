import { openFileLog } from '@millrace/connectors'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { changelogOf, DATA, storedText } from './audit.ts'
import { hold } from './invariants.ts'

const CHECKSUM_BYTES = 4
/** Where a task's state may stand: in its directory, or beside it where a stopped process held that. */
const COPIES = ['', '.2', '.3', '.4']
/** The store of each subtopology's tasks. */
const STORES = { orders: 'windows', 'orders.totals.repartition': 'totals' } as const

/** Compares every task's local store, as it was opened last, with what its changelog says. */
export async function auditStores(
  process: SimulatedProcess,
  partitions: number,
  contentOf: (directories: readonly string[]) => ReadonlyMap<string, Buffer> | undefined,
): Promise<void> {
  const log = await openFileLog({ directory: DATA, env: process.env })
  for (let partition = 0; partition < partitions; partition++) {
    const changelog = await changelogOf(log, partition)
    for (const [subtopology, store] of Object.entries(STORES)) {
      const task = `${DATA}/state/orders/${subtopology}-${partition}`
      const content = contentOf(COPIES.map((copy) => `${task}${copy}`))
      if (content === undefined) continue
      const prefix = `${store}\0`
      const stored = new Map(
        [...content].flatMap(([key, value]) =>
          key.startsWith(prefix) ? [[key, storedText(key, value, CHECKSUM_BYTES, value.length)]] : [],
        ),
      )
      const wanted = [...changelog].filter(([key]) => key.startsWith(prefix))
      hold(
        'state is the fold of the changelog',
        wanted.length === stored.size && wanted.every(([key, value]) => stored.get(key) === value),
        () =>
          `task ${subtopology}-${partition} holds ${JSON.stringify([...stored])}; its changelog ${JSON.stringify(wanted)}`,
      )
    }
  }
  await log.close()
}
