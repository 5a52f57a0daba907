import type { Job, JobStatus, Log } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import type { ContentOf, LeftStores } from './audit-stores.ts'

/** What runs in a world: a job, the records that come in, and what must hold of its results. */
export interface Workload {
  readonly job: Job
  /** When an input counts as idle; undefined leaves it to the container. */
  readonly idleAfterMs: number | undefined
  /** Whether containers run to the end of what is there, again and again. */
  readonly batch: boolean
  /** Whether all records that will come have come. */
  readonly allProduced: boolean
  makeTopics(log: Log): Promise<void>
  /** Appends some records, in a process that does nothing else. */
  produce(process: SimulatedProcess): Promise<void>
  /** What looks on after every step of the machine; throws `Violation`. */
  witness(): { look(): void } | undefined
  /** Reads what is committed, as a process of its own, and checks what must hold at any moment. */
  audit(process: SimulatedProcess): Promise<void>
  /** Whether everything that has come is processed, by the containers' status and the log. */
  isDone(log: Log, statuses: readonly JobStatus[]): Promise<boolean>
  /** Checks what there is in the end. `run` starts a container in the process; the world has no other then. */
  auditEnd(process: SimulatedProcess, run: RunContainer): Promise<void>
  /** Compares the stores, as they are at any moment, with a changelog that has all its records. */
  auditStoresAmid(process: SimulatedProcess, contentOf: ContentOf): Promise<void>
  auditStores(process: SimulatedProcess, stores: LeftStores): Promise<void>
}

export type RunContainer = (untilEnd: boolean) => Promise<Container>
