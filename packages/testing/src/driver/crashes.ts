import type { Log, Membership, TransactionalWriter } from '@millrace/core'
import type { SeededRandom } from '../machine/seeded-random.ts'

/**
 * When a job is cut off: right before a commit is decided, so that nothing of it counts; or right after it, so that all of it counts
 * and the local state does not have it.
 */
export type CommitMoment = 'before' | 'after'

/** What a crash leaves: the local state, or only what is in the log. */
export type CrashKind = 'keeps state' | 'loses state'

/** Decides, each time that a commit reaches one of its moments, whether the job is cut off there; undefined: it is not. */
export type CrashPlan = (moment: CommitMoment) => CrashKind | undefined

/** The error of a commit that was cut off. It stands for a process that died there. */
export class Crash extends Error {
  readonly kind: CrashKind

  constructor(moment: CommitMoment, kind: CrashKind) {
    super(`The job was cut off ${moment} a commit`)
    this.kind = kind
  }
}

/** Cuts off each commit twice, before and after it is decided. Every second crash loses the local state. */
export function crashAtEveryCommit(): CrashPlan {
  let next: CommitMoment = 'before'
  let crashes = 0
  return (moment) => {
    if (moment !== next) return undefined
    next = moment === 'before' ? 'after' : 'before'
    // Of four crashes in a row, each moment has one that loses the state.
    return [0, 3].includes(crashes++ % 4) ? 'keeps state' : 'loses state'
  }
}

/** A restart costs several times as much as a commit. */
const SOME_CRASHES_MAX = 6

/** Cuts off some of the commits, as the random numbers decide. */
export function crashAtSomeCommits(random: SeededRandom): CrashPlan {
  const probability = random.between(0.1, 0.5)
  let left = 1 + random.below(SOME_CRASHES_MAX)
  return () => {
    if (left === 0 || !random.chance(probability)) return undefined
    left--
    return random.chance(0.5) ? 'keeps state' : 'loses state'
  }
}

/**
 * The same log for the containers of a job, whose commits are cut off as a plan decides. That leaves the same data as a crash, since a
 * container whose commit failed writes nothing more.
 */
export function crashingLog(log: Log, plan: CrashPlan): Log {
  const reach = (moment: CommitMoment) => {
    const kind = plan(moment)
    if (kind !== undefined) throw new Crash(moment, kind)
  }
  return {
    kind: log.kind,
    location: log.location,
    capabilities: log.capabilities,
    clock: log.clock,
    admin: log.admin,
    cleaningFailures: log.cleaningFailures,
    openReader: (options) => log.openReader(options),
    openWriter: (options) => log.openWriter(options),
    openTransactionalWriter: (id) => log.openTransactionalWriter(id),
    claim: (name) => log.claim(name),
    join: async (group, options) => crashingMember(await log.join(group, options), reach),
    close: () => log.close(),
  }
}

function crashingMember(membership: Membership, reach: (moment: CommitMoment) => void): Membership {
  return {
    member: membership.member,
    assignments: membership.assignments,
    release: (assignment) => membership.release(assignment),
    reportEnd: (assignment, atEnd) => membership.reportEnd(assignment, atEnd),
    reportStandbys: (assignment, ready) => membership.reportStandbys(assignment, ready),
    reportLoads: (loads) => membership.reportLoads(loads),
    openWriter: async () => crashingWriter(await membership.openWriter(), reach),
    leave: () => membership.leave(),
  }
}

function crashingWriter(writer: TransactionalWriter, reach: (moment: CommitMoment) => void): TransactionalWriter {
  return {
    transactionalId: writer.transactionalId,
    get backlogged() {
      return writer.backlogged
    },
    openPartition: (topic, partition) => writer.openPartition(topic, partition),
    openGroup: (topic, partition) => writer.openGroup(topic, partition),
    flush: () => writer.flush(),
    commit: async (groups, ready) => {
      reach('before')
      const positions = await writer.commit(groups, ready)
      reach('after')
      return positions
    },
    abort: () => writer.abort(),
    close: () => writer.close(),
  }
}
