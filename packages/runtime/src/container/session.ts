import {
  type Assignment,
  type Clock,
  FencedError,
  type Log,
  type LogReader,
  type Membership,
  type Random,
} from '@millrace/core'
import { settleAll } from '@millrace/core/internal'
import { filter, firstValueFrom, merge, NEVER, Observable, startWith } from 'rxjs'
import type { Catalog } from '../catalog/catalog.ts'
import type { TaskOwners } from '../task/closing.ts'
import { CommittedOutputs, EarlyOutputs, type Guarantee, type Outputs } from '../task/outputs.ts'
import { JobEnd } from './job-end.ts'

/** What a session is opened with. */
export interface SessionOptions {
  readonly log: Log
  readonly job: string
  readonly guarantee: Guarantee
  readonly tasks: readonly string[]
  /** A short description of the job: other containers that run it must run the same. */
  readonly description: string
  readonly address: string | null
  readonly untilEnd: boolean
  /** Whether the tasks close windows at the end; then `ownerOf` returns the member that has a task. */
  readonly ownerOf: ((task: string) => string | undefined) | undefined
  readonly random: Random
  /** Whether the container may wait for others that run the job as it was before a change. */
  readonly upgrade: boolean
  /** How many standbys the container wants for each task. */
  readonly standbys: number
  /** Ends the wait. */
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
  readonly sessionTimeoutMs: number | undefined
  readonly onNotice: ((message: string) => void) | undefined
  readonly onWaiting: (() => void) | undefined
  /** Throws if the job's stores will be refused; called while other members run the job as it was. */
  readonly checkCatalog: () => Promise<void>
  /** Finds out which stores the job has, or refuses them; called once no other member can run another job. */
  readonly openCatalog: (outputs: Outputs) => Promise<Catalog>
}

/** A container's time as one member of its job's group: what it reads and writes with, until it leaves or is fenced. */
export interface Session {
  readonly membership: Membership
  readonly reader: LogReader
  readonly outputs: Outputs
  readonly catalog: Catalog
  readonly end: JobEnd
  readonly owners: TaskOwners | undefined
  /** Closes everything; what is not committed is given up. Its tasks must be closed before. */
  close(): Promise<void>
}

/** Joins a job. Throws `JOB_CHANGED` while others run another job under the name, or the same job with another guarantee. */
export async function openSession(options: SessionOptions): Promise<Session> {
  for (;;) {
    try {
      return await joinOnce(options)
    } catch (error) {
      // The process was stopped while it joined, and the group went on without it: it joins as another member.
      if (!(error instanceof FencedError)) throw error
    }
  }
}

async function joinOnce(options: SessionOptions): Promise<Session> {
  const {
    log,
    job,
    guarantee,
    tasks,
    description,
    address,
    untilEnd,
    upgrade,
    standbys,
    clock,
    sessionTimeoutMs,
    onNotice,
  } = options
  const membership = log.capabilities.membership
    ? await log.join(job, {
        tasks,
        description,
        address,
        untilEnd,
        upgrade,
        standbys,
        ...(sessionTimeoutMs !== undefined && { sessionTimeoutMs }),
        ...(onNotice !== undefined && { onNotice }),
      })
    : await joinAlone(log, job, tasks, address)
  let outputs: Outputs | undefined
  let catalog: Catalog
  try {
    await admission(membership, options)
    const transactions = await membership.openWriter()
    outputs =
      guarantee === 'exactly-once'
        ? new CommittedOutputs(transactions)
        : new EarlyOutputs(transactions, log.openWriter({ usesReserve: true }))
    catalog = await options.openCatalog(outputs)
  } catch (error) {
    await settleAll([outputs?.close() ?? Promise.resolve(), membership.leave()]).catch(() => undefined)
    throw error
  }
  const reader = log.openReader()
  const opened = outputs
  return {
    membership,
    reader,
    outputs: opened,
    catalog,
    end: new JobEnd(membership, clock),
    owners: ownersOf(membership, log, options),
    close: async () => {
      // The group gives the tasks to others only once nothing more can come from this container.
      try {
        await settleAll([reader.close(), opened.close()])
      } finally {
        await membership.leave()
      }
    },
  }
}

/** A process that is alone has the same name each time. */
function ownersOf(
  { member }: Membership,
  { capabilities }: Log,
  { ownerOf, random }: SessionOptions,
): TaskOwners | undefined {
  if (ownerOf === undefined) return undefined
  const self = capabilities.membership ? member : random.uuid()
  return {
    self,
    ownerOf: (task) => {
      const owner = ownerOf(task)
      return owner === member ? self : owner
    },
  }
}

/** Waits, as a member of an upgrade, until the others that run the job as it was have left. */
async function admission(
  { assignments }: Membership,
  { job, signal, checkCatalog, onNotice, onWaiting }: SessionOptions,
): Promise<void> {
  const { waits } = await firstValueFrom(assignments)
  if (!waits) return
  await checkCatalog()
  onNotice?.(`Other processes run job ${job} as it was before the change. This process waits until they have ended`)
  onWaiting?.()
  const aborted = new Observable<never>((subscriber) => {
    const abort = () => subscriber.error(signal?.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    return () => signal?.removeEventListener('abort', abort)
  })
  await firstValueFrom(merge(assignments, aborted).pipe(filter((assignment) => !assignment.waits)))
}

/**
 * Whether the group went on without this member. If so, any failure meanwhile is a consequence: what it reads may have been
 * removed.
 */
export async function fencingError(session: Session | undefined): Promise<FencedError | undefined> {
  let fenced: FencedError | undefined
  const note = (error: unknown) => {
    if (error instanceof FencedError) fenced ??= error
  }
  await session?.outputs.flush().catch(note)
  // What is known of the group is emitted at once.
  session?.membership.assignments.subscribe({ error: note }).unsubscribe()
  return fenced
}

/** A group of one. */
async function joinAlone(log: Log, job: string, tasks: readonly string[], address: string | null): Promise<Membership> {
  const claim = await log.claim(job)
  const member = 'only'
  const assignment: Assignment = {
    generation: 0,
    tasks,
    standbys: [],
    members: [{ member, address, tasks }],
    ended: false,
    waits: false,
  }
  return {
    member,
    assignments: NEVER.pipe(startWith(assignment)),
    release: async () => {},
    reportEnd: async () => {},
    reportStandbys: async () => {},
    reportLoads: async () => {},
    openWriter: () => log.openTransactionalWriter(`${job}.${member}`),
    leave: () => claim.release(),
  }
}
