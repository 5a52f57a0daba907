import type { FileSystem } from '@millrace/core'
import { systemCode } from '../errors.ts'
import { transactionsDirectory } from '../paths.ts'
import { readDescription } from '../topic-store.ts'
import { type JournalRecord, TransactionJournal } from './journal.ts'

/** The transactional ids that have a journal. Owners' locks and temporary files start with a dot, which no id does. */
export function journalNames(files: FileSystem, data: string): string[] {
  try {
    return files.list(transactionsDirectory(data)).filter((name) => !name.startsWith('.'))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** The transactional id whose journal holds a producer id, as its present or its last one; undefined if none does. */
export function findJournal(files: FileSystem, data: string, producerId: number): string | undefined {
  return journalNames(files, data).find((name) => {
    const record = readRecord(files, data, name)
    return record?.producer.id === producerId || record?.decided?.id === producerId
  })
}

/** The offset in a partition that the committed transactions in the journals reach; 0 if there are none. */
export function decidedEnd(partition: {
  readonly files: FileSystem
  readonly data: string
  readonly topic: string
  readonly partition: number
}): number {
  const { files, data } = partition
  const topicId = readDescription(files, data, partition.topic)?.id
  let end = 0
  for (const name of journalNames(files, data)) {
    for (const each of readRecord(files, data, name)?.decided?.partitions ?? []) {
      if (each.topicId === topicId && each.partition === partition.partition) end = Math.max(end, each.end)
    }
  }
  return end
}

/** The records of all journals. */
export function readJournals(files: FileSystem, data: string): JournalRecord[] {
  return journalNames(files, data).flatMap((name) => readRecord(files, data, name) ?? [])
}

function readRecord(files: FileSystem, data: string, name: string): JournalRecord | undefined {
  let journal: TransactionJournal
  try {
    journal = new TransactionJournal(files, data, name, 'read')
  } catch (error) {
    // The journal was removed between the two looks.
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return journal.read()
  } finally {
    journal.close()
  }
}
