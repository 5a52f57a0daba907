import type { Log, RecordGroup, TransactionalWriter } from '@millrace/core'
import { TimedGroup } from './timed-group.ts'

/**
 * The same log. It also records how many ms each commit of a job with one task took: from the freeze, which fills the
 * changelog's group, until outputs, state and positions are durable.
 */
export function timedLog(log: Log, commitsMs: number[]): Log {
  return {
    kind: log.kind,
    location: log.location,
    capabilities: log.capabilities,
    clock: log.clock,
    admin: log.admin,
    cleaningFailures: log.cleaningFailures,
    openReader: (options) => log.openReader(options),
    openWriter: () => log.openWriter(),
    openTransactionalWriter: (id) => log.openTransactionalWriter(id),
    claim: (name) => log.claim(name),
    join: async (group, options) => {
      const membership = await log.join(group, options)
      return {
        member: membership.member,
        assignments: membership.assignments,
        release: (assignment) => membership.release(assignment),
        reportEnd: (assignment, atEnd) => membership.reportEnd(assignment, atEnd),
        reportStandbys: (assignment, ready) => membership.reportStandbys(assignment, ready),
        reportLoads: (loads) => membership.reportLoads(loads),
        openWriter: async () => timedTransactions(await membership.openWriter(), commitsMs),
        leave: () => membership.leave(),
      }
    },
    close: () => log.close(),
  }
}

function timedTransactions(writer: TransactionalWriter, commitsMs: number[]): TransactionalWriter {
  return {
    transactionalId: writer.transactionalId,
    get backlogged() {
      return writer.backlogged
    },
    openPartition: (topic, partition) => writer.openPartition(topic, partition),
    openGroup: async (topic, partition) => new TimedGroup(await writer.openGroup(topic, partition)),
    flush: () => writer.flush(),
    commit: async (groups, ready) => {
      const timed = groups.map(asTimed)
      const startedMs = Math.min(...timed.map((group) => group.startedMs))
      const positions = await writer.commit(
        timed.map(({ inner }) => inner),
        ready,
      )
      commitsMs.push(performance.now() - startedMs)
      return positions
    },
    abort: () => writer.abort(),
    close: () => writer.close(),
  }
}

function asTimed(group: RecordGroup): TimedGroup {
  if (group instanceof TimedGroup) return group
  throw new Error('The group was not opened here')
}
