import {
  type Claim,
  type Env,
  type Log,
  type LogAdmin,
  type LogReader,
  type LogWriter,
  type Membership,
  RefusedError,
} from '@millrace/core'
import { MemoryGroups } from './memory-groups.ts'
import { MemoryLogReader } from './memory-log-reader.ts'
import { MemoryLogWriter } from './memory-log-writer.ts'
import { MemoryTopics } from './memory-topics.ts'

/** A log that lives as long as it is held: for tests. */
export interface MemoryLog extends Log {
  /** Another log over the same topics, claims and groups, as another process would open it. */
  again(): MemoryLog
}

/**
 * Makes an empty log in memory, on the same batches as the file log and with all that the contract asks: for tests of
 * jobs. What is flushed is kept until nobody holds the log; what was not flushed goes with its writer. A purge is exact,
 * to the record, so that a test sees a reader that counts on more.
 */
export function memoryLog(env: Env): MemoryLog {
  return openOver(env, new MemoryTopics(env), new MemoryGroups(env))
}

function openOver(env: Env, topics: MemoryTopics, groups: MemoryGroups): MemoryLog {
  const open = new Set<{ close(): Promise<void> }>()
  const opened = <T extends { close(): Promise<void> }>(made: T): T => {
    open.add(made)
    return made
  }
  return {
    kind: 'memory',
    location: 'memory',
    capabilities: { atomicGroups: true, transactions: false, membership: true },
    admin: adminOf(topics),
    openReader: (): LogReader => opened(new MemoryLogReader(env, topics)),
    openWriter: (): LogWriter => opened(new MemoryLogWriter(topics)),
    async openTransactionalWriter() {
      throw new RefusedError('UNSUPPORTED', 'The memory log has no transactions')
    },
    async join(group, options): Promise<Membership> {
      const membership = groups.join(group, options)
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
    again: () => openOver(env, topics, groups),
  }
}

function adminOf(topics: MemoryTopics): LogAdmin {
  return {
    createTopic: async (name, settings = {}) => topics.create(name, settings),
    deleteTopic: async (name) => topics.delete(name),
    describeTopic: async (name) => topics.describe(name),
    listTopics: async () => topics.list(),
    async offsets(topic, partition) {
      const { start, end } = topics.partition(topic, partition)
      return { start, end }
    },
    offsetAt: async (topic, partition, timestamp) => topics.partition(topic, partition).offsetAt(timestamp),
    purge: async (topic, partition, offset) => topics.partition(topic, partition).purge(offset),
    clean: async (topic) => topics.clean(topic),
    sizeBytes: async (topic) => topics.require(topic).partitions.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}
