import {
  type Claim,
  type Env,
  type Log,
  type LogAdmin,
  type LogReader,
  type LogWriter,
  RefusedError,
} from '@millrace/core'
import { MemoryLogReader } from './memory-log-reader.ts'
import { MemoryLogWriter } from './memory-log-writer.ts'
import { MemoryTopics } from './memory-topics.ts'

/** A log that lives as long as it is held: for tests. */
export interface MemoryLog extends Log {
  /** Another log over the same topics and claims, as another process would open it. */
  again(): MemoryLog
}

/**
 * Makes an empty log in memory, on the same batches as the file log and with all that the contract asks: for tests of
 * jobs. What is flushed is kept until nobody holds the log; what was not flushed goes with its writer. A purge is exact,
 * to the record, so that a test sees a reader that counts on more.
 */
export function memoryLog(env: Env): MemoryLog {
  return openOver(env, new MemoryTopics(env))
}

function openOver(env: Env, topics: MemoryTopics): MemoryLog {
  const open = new Set<{ close(): Promise<void> }>()
  const opened = <T extends { close(): Promise<void> }>(made: T): T => {
    open.add(made)
    return made
  }
  return {
    kind: 'memory',
    location: 'memory',
    capabilities: { atomicGroups: true, transactions: false, membership: false },
    admin: adminOf(topics),
    openReader: (): LogReader => opened(new MemoryLogReader(env, topics)),
    openWriter: (): LogWriter => opened(new MemoryLogWriter(topics)),
    async openTransactionalWriter() {
      throw new RefusedError('UNSUPPORTED', 'The memory log has no transactions')
    },
    async join(group) {
      throw new RefusedError('UNSUPPORTED', `${group}: the memory log has no groups`)
    },
    async claim(name): Promise<Claim> {
      const free = topics.claim(name)
      const release = async () => free()
      opened({ close: release })
      return { release }
    },
    async close() {
      for (const each of open) await each.close()
      open.clear()
    },
    again: () => openOver(env, topics),
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
