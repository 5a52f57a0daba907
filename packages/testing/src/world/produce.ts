import { openFileLog } from '@millrace/connectors/file'
import { partitionOf } from '@millrace/core/internal'
import type { SeededRandom } from '../machine/seeded-random.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { DATA } from './audit.ts'
import { orders } from './orders-job.ts'
import type { Scenario } from './scenario.ts'

const CUSTOMERS = 5
const KEYS = 8

/** Appends some orders, in a transaction or not; calls `acknowledge` with their ids, from `nextId`, once they are durable. */
export async function produceOrders(
  process: SimulatedProcess,
  random: SeededRandom,
  { durability, partitions }: Scenario,
  nextId: () => number,
  acknowledge: (ids: readonly number[]) => void,
): Promise<void> {
  const count = 1 + random.below(6)
  const transactional = random.chance(0.3)
  const log = await openFileLog({ directory: DATA, env: process.env, durability })
  const writer = transactional ? await log.openTransactionalWriter(process.name) : log.openWriter()
  const sent: number[] = []
  for (let index = 0; index < count; index++) {
    const id = nextId()
    const customer = `c${random.below(CUSTOMERS)}`
    const key = Buffer.from(`k${random.below(KEYS)}`)
    const partition = partitionOf(key, 0, key.length, partitions)
    const to = await writer.openPartition(orders.name, partition)
    const order = { id, customer, amount: 1 + random.below(9) }
    to.append(1000 * id, key, 0, key.length, order, orders.value, [])
    sent.push(id)
    if (random.chance(0.3)) await process.env.timers.turn()
  }
  if ('commit' in writer) await writer.commit([])
  else await writer.flush()
  acknowledge(sent)
  await log.close()
}
