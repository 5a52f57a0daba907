import type { Log, LogWriter, TransactionalWriter } from '@millrace/core'
import type { Guarantee } from '@millrace/runtime'

/**
 * The points at which a commit can be cut off: at its transaction, or while outputs that are already visible are made durable.
 */
export type CommitPoint = 'before commit' | 'after commit' | 'before flush' | 'after flush'

export const COMMIT_POINTS: readonly CommitPoint[] = ['before commit', 'after commit', 'before flush', 'after flush']

/** The guarantee under which a commit passes a point. */
export function guaranteeAt(point: CommitPoint): Guarantee {
  return point.endsWith('commit') ? 'exactly-once' : 'at-least-once'
}

/** The error of a cut. It stands for a process that died at that point. */
export class Cut extends Error {}

/**
 * A log whose commits fail at a chosen point, the `countdown`-th time that it is reached. This leaves the same data as a
 * crash, since a container whose commit failed does not write any more.
 */
export function cutLog(log: Log, point: CommitPoint, countdown: number): Log {
  let left = countdown
  const reach = (at: CommitPoint) => {
    if (at !== point) return
    left--
    if (left === 0) throw new Cut(`cut ${at}`)
  }
  return {
    ...passLog(log),
    openWriter: () => cutWriter(log.openWriter(), reach),
    join: withWriters(log, (writer) => cutTransactions(writer, reach)),
  }
}

/** The same log, as an object whose methods can be replaced. */
export function passLog(log: Log): Log {
  return {
    kind: log.kind,
    location: log.location,
    capabilities: log.capabilities,
    clock: log.clock,
    admin: log.admin,
    cleaningFailures: log.cleaningFailures,
    openReader: (options) => log.openReader(options),
    openTransactionalWriter: (id) => log.openTransactionalWriter(id),
    openWriter: () => log.openWriter(),
    claim: (name) => log.claim(name),
    join: (group, options) => log.join(group, options),
    close: () => log.close(),
  }
}

/** The `join` of a log whose members get other writers. */
export function withWriters(log: Log, wrap: (writer: TransactionalWriter) => TransactionalWriter): Log['join'] {
  return async (group, options) => {
    const membership = await log.join(group, options)
    return {
      member: membership.member,
      assignments: membership.assignments,
      release: (assignment) => membership.release(assignment),
      reportEnd: (assignment, atEnd) => membership.reportEnd(assignment, atEnd),
      reportStandbys: (assignment, ready) => membership.reportStandbys(assignment, ready),
      reportLoads: (loads) => membership.reportLoads(loads),
      openWriter: async () => wrap(await membership.openWriter()),
      leave: () => membership.leave(),
    }
  }
}

function cutTransactions(writer: TransactionalWriter, reach: (at: CommitPoint) => void): TransactionalWriter {
  return {
    transactionalId: writer.transactionalId,
    openPartition: (topic, partition) => writer.openPartition(topic, partition),
    openGroup: (topic, partition) => writer.openGroup(topic, partition),
    flush: () => writer.flush(),
    get backlogged() {
      return writer.backlogged
    },
    commit: async (groups, ready) => {
      reach('before commit')
      const positions = await writer.commit(groups, ready)
      reach('after commit')
      return positions
    },
    abort: () => writer.abort(),
    close: () => writer.close(),
  }
}

function cutWriter(writer: LogWriter, reach: (at: CommitPoint) => void): LogWriter {
  return {
    openPartition: (topic, partition) => writer.openPartition(topic, partition),
    send: () => writer.send(),
    flush: async () => {
      reach('before flush')
      await writer.flush()
      reach('after flush')
    },
    get backlogged() {
      return writer.backlogged
    },
    close: () => writer.close(),
  }
}
