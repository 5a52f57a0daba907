import type { Job, JobStatus, Log } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import type { ContentOf, LeftStores } from './audit-stores.ts'

/** What runs in a world: a job, its incoming records, and the checks of its results. */
export interface Workload {
  readonly job: Job
  /** The job after a change that its containers can be upgraded to, and which of its stores may start empty. */
  readonly changed: { readonly job: Job; readonly acceptLoss: readonly string[] } | undefined
  /** When an input counts as idle; if undefined, the container decides. */
  readonly idleAfterMs: number | undefined
  /** Whether containers run to the end of the existing records, again and again. */
  readonly batch: boolean
  /** How many partitions topics have that do not have as many as the scenario says. */
  readonly partitions?: ReadonlyMap<string, number>
  /** Whether no more records will come. */
  readonly allProduced: boolean
  makeTopics(log: Log): Promise<void>
  /** Appends some records, in a process that does nothing else. */
  produce(process: SimulatedProcess): Promise<void>
  /** The witness, which checks after every step of the machine; it throws `Violation`. */
  witness(): { look(): void } | undefined
  /** Reads what is committed, as a separate process, and checks what must hold at any moment. */
  audit(process: SimulatedProcess): Promise<void>
  /** Whether everything that has come is processed, according to the containers' status and the log. */
  isDone(log: Log, statuses: readonly JobStatus[]): Promise<boolean>
  /** Checks the results at the end. `run` starts a container, which is then the only one of the world. */
  auditEnd(process: SimulatedProcess, run: RunContainer): Promise<void>
  /** Compares the stores, as they are at any moment, with a changelog that has all its records. */
  auditStoresAmid(process: SimulatedProcess, contentOf: ContentOf): Promise<void>
  auditStores(process: SimulatedProcess, stores: LeftStores): Promise<void>
}

export type RunContainer = (untilEnd: boolean) => Promise<Container>

/** Whether containers are at the end of all of their inputs. */
export function allAtEnd(statuses: readonly JobStatus[]): boolean {
  const inputs = statuses.flatMap(({ tasks }) => tasks.flatMap((task) => task.inputs))
  return inputs.every(({ offset, endOffset }) => offset >= endOffset)
}
