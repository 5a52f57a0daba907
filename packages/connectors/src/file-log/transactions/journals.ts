import type { FileSystem } from '@millrace/core'
import { ifThere } from '../if-there.ts'
import { readDescription } from '../topic-store.ts'
import { TransactionJournal } from './journal.ts'
import { type JournalName, journalNames } from './journal-names.ts'
import type { JournalRecord } from './journal-record.ts'
import { readSealed } from './seal-journal.ts'

/** A journal that holds a record. */
export interface FoundJournal extends JournalName {
  readonly record: JournalRecord
  /** Whether the record is final. */
  readonly sealed: boolean
}

/** The journal that holds a producer id, as its present or its last one; undefined if none does. */
export function findJournal(files: FileSystem, data: string, producerId: number): FoundJournal | undefined {
  return journalsIn(files, data).find(({ record: { producer, decided } }) => {
    return producer.id === producerId || decided?.id === producerId
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
  for (const { decided } of readJournals(files, data)) {
    for (const each of decided?.partitions ?? []) {
      if (each.topicId === topicId && each.partition === partition.partition) end = Math.max(end, each.end)
    }
  }
  return end
}

/** The records of all journals. */
export function readJournals(files: FileSystem, data: string): JournalRecord[] {
  return journalsIn(files, data).map(({ record }) => record)
}

/** All journals that hold a record. */
export function journalsIn(files: FileSystem, data: string): FoundJournal[] {
  return journalNames(files, data).flatMap((each) => {
    const written = readRecord(files, data, each.name)
    if (written === undefined) return []
    // In this order: if a process sealed the journal before the first look, it is seen.
    const final = readSealed(files, data, each.name)
    return { ...each, record: final ?? written, sealed: final !== undefined }
  })
}

function readRecord(files: FileSystem, data: string, name: string): JournalRecord | undefined {
  const journal = openJournalIfThere(files, data, name, 'read')
  try {
    return journal?.read()
  } finally {
    journal?.close()
  }
}

/** Opens a journal; undefined if it was removed since it was listed. */
export function openJournalIfThere(
  files: FileSystem,
  data: string,
  name: string,
  mode: 'read' | 'update',
): TransactionJournal | undefined {
  return ifThere(() => new TransactionJournal(files, data, name, mode))
}
