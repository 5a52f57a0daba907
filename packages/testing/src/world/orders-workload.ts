import type { Log } from '@millrace/core'
import type { Machine } from '../machine/machine.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { audit, auditEnd, isAllCounted, NOTHING_SEEN, type Seen } from './audit.ts'
import { auditStores, auditStoresAmid, type ContentOf, type LeftStores } from './audit-stores.ts'
import { changedOrdersJob, copies, orders, ordersJob, totalChanges } from './orders-job.ts'
import { produceOrders } from './produce.ts'
import type { Scenario } from './scenario.ts'
import { Witness } from './witness.ts'
import type { Workload } from './workload.ts'

/** Orders that are copied, and counted by customer and by window. */
export class OrdersWorkload implements Workload {
  readonly job = ordersJob
  readonly changed = { job: changedOrdersJob, acceptLoss: ['units'] }
  readonly idleAfterMs = undefined
  readonly batch = false
  readonly #machine: Machine
  readonly #scenario: Scenario
  /** Ids whose flush was acknowledged; and the next id, which was never used. */
  readonly #acked = new Set<number>()
  #nextId = 0
  #seen: Seen = NOTHING_SEEN
  #witness: Witness | undefined

  constructor(machine: Machine, scenario: Scenario) {
    this.#machine = machine
    this.#scenario = scenario
  }

  get allProduced(): boolean {
    return this.#nextId >= this.#scenario.orders
  }

  async makeTopics(log: Log): Promise<void> {
    const { partitions, segmentBytes, upgradeAtMs } = this.#scenario
    for (const { name } of [orders, copies, totalChanges])
      await log.admin.createTopic(name, { partitions, segmentBytes })
    // The job would make its own topics with large segments, which never close in such a short life.
    await log.admin.createTopic('orders.changelog', { partitions, segmentBytes: 2 * segmentBytes, cleanup: 'compact' })
    await log.admin.createTopic('orders.totals.repartition', { partitions, segmentBytes })
    if (upgradeAtMs !== undefined) await log.admin.createTopic('orders.units.repartition', { partitions, segmentBytes })
  }

  produce(process: SimulatedProcess): Promise<void> {
    const nextId = () => this.#nextId++
    return produceOrders(process, this.#machine.random, this.#scenario, nextId, (ids) => {
      for (const id of ids) this.#acked.add(id)
    })
  }

  witness(): Witness | undefined {
    if (this.#scenario.watched) this.#witness = new Witness(this.#machine, this.#scenario)
    return this.#witness
  }

  async audit(process: SimulatedProcess): Promise<void> {
    this.#seen = await audit(process, this.#scenario, this.#seen)
  }

  async isDone(log: Log): Promise<boolean> {
    let done = true
    const count = async (name: string) => {
      let records = 0
      for (let partition = 0; partition < this.#scenario.partitions; partition++) {
        const reader = log.openReader()
        const batches = await reader.assign(name, partition, 0)
        for (let batch = batches.poll(); batch !== undefined; batch = batches.poll()) while (batch.next()) records++
        if (batches.position < batches.endOffset) done = false
        await reader.close()
      }
      return records
    }
    const all = await count(orders.name)
    if (this.#scenario.nodeSteps !== undefined && !(await isAllCounted(log, this.#scenario.partitions))) return false
    if ((await count(copies.name)) !== all || (await count(totalChanges.name)) !== all) return false
    // The witness stays and has read from the start: it must reach the end, as a process must that opens the log now.
    return done && this.#witness?.hasRead(all) !== false
  }

  auditEnd(process: SimulatedProcess): Promise<void> {
    return auditEnd(process, this.#scenario.partitions, this.#acked)
  }

  auditStoresAmid(process: SimulatedProcess, contentOf: ContentOf): Promise<void> {
    return auditStoresAmid(process, this.#scenario, contentOf)
  }

  auditStores(process: SimulatedProcess, stores: LeftStores): Promise<void> {
    return auditStores(process, this.#scenario.partitions, stores)
  }
}
