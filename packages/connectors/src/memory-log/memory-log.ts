import type {
  Claim,
  Env,
  Log,
  LogAdmin,
  LogCapabilities,
  LogReader,
  LogWriter,
  Membership,
  ReaderOptions,
  TransactionalWriter,
} from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { of } from 'rxjs'
import { GROUP_BATCH_BYTES_MAX } from '../record-batch/group-builder.ts'
import { MemoryGroups } from './memory-groups.ts'
import { MemoryLogReader } from './memory-log-reader.ts'
import { MemoryLogWriter } from './memory-log-writer.ts'
import { MemoryTopics } from './memory-topics.ts'
import { MemoryTransactions } from './memory-transactions.ts'

/** A log that lives as long as the process holds it: for tests. */
export interface MemoryLog extends Log {
  /** Returns another log over the same topics, transactional ids, claims and groups, as if another process had opened it. */
  again(): MemoryLog
}

/** The options of `memoryLog`. */
export interface MemoryLogOptions {
  /** See `LogCapabilities.groupBatchBytesMax`. Default 1 MiB. */
  readonly groupBatchBytesMax?: number
}

/**
 * Makes an empty log in memory, with the same batches as the file log and everything that the contract requires: for tests of
 * jobs. Flushed records are kept as long as the log is referenced; records that were not flushed are lost with their writer.
 * A purge is exact to the record, so that a test finds a reader that relies on older records. `env`: the clock and the timers;
 * default: Node's.
 */
export function memoryLog(env: Env = nodeEnv(), options: MemoryLogOptions = {}): MemoryLog {
  const { groupBatchBytesMax = GROUP_BATCH_BYTES_MAX } = options
  const topics = new MemoryTopics(env)
  const capabilities: LogCapabilities = { transactions: 'all', membership: true, local: true, groupBatchBytesMax }
  return openOver(env, topics, new MemoryTransactions(topics, groupBatchBytesMax), new MemoryGroups(env), capabilities)
}

function openOver(
  env: Env,
  topics: MemoryTopics,
  transactions: MemoryTransactions,
  groups: MemoryGroups,
  capabilities: LogCapabilities,
): MemoryLog {
  const open = new Set<{ close(): Promise<void> }>()
  const opened = <T extends { close(): Promise<void> }>(made: T): T => {
    open.add(made)
    return made
  }
  return {
    kind: 'memory',
    location: 'memory',
    capabilities,
    clock: env.clock,
    admin: adminOf(topics),
    // It cleans only on request.
    cleaningFailures: of([]),
    openReader: ({ isolation = 'committed' }: ReaderOptions = {}): LogReader =>
      opened(new MemoryLogReader(env, topics, isolation)),
    openWriter: (): LogWriter => opened(new MemoryLogWriter(topics)),
    openTransactionalWriter: async (id): Promise<TransactionalWriter> => opened(transactions.open(id)),
    async join(group, options): Promise<Membership> {
      const membership = groups.join(group, options, (id) => opened(transactions.open(id)))
      opened({ close: () => membership.leave() })
      return membership
    },
    async claim(name): Promise<Claim> {
      const free = groups.claim(name)
      const release = async () => free()
      opened({ close: release })
      return { release }
    },
    async close() {
      for (const each of open) await each.close()
      open.clear()
    },
    again: () => openOver(env, topics, transactions, groups, capabilities),
  }
}

function adminOf(topics: MemoryTopics): LogAdmin {
  return {
    createTopic: async (name, settings = {}) => topics.create(name, settings),
    deleteTopic: async (name) => topics.delete(name),
    describeTopic: async (name) => topics.describe(name),
    listTopics: async () => topics.list(),
    async offsets(topic, partition) {
      const { start, stableEnd } = topics.partition(topic, partition)
      return { start, end: stableEnd }
    },
    // No one can restore a part of this log from an older copy.
    checkTopics: async () => undefined,
    async rewrittenBefore(topic, partition) {
      const { end } = topics.partition(topic, partition)
      return topics.describe(topic)?.cleanup === 'compact' ? end : 0
    },
    offsetAt: async (topic, partition, timestamp) => topics.partition(topic, partition).offsetAt(timestamp),
    purge: async (topic, partition, offset) => topics.partition(topic, partition).purge(offset),
    clean: async (topic) => topics.clean(topic),
    sizeBytes: async (topic) => topics.require(topic).partitions.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}
