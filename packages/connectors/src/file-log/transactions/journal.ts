import type { FileSystem, OpenFile } from '@millrace/core'
import { journalPath } from '../paths.ts'
import { syncFile } from '../sync.ts'
import { parseJournalName } from './journal-names.ts'
import { decodeRecord, encodeRecord, type JournalRecord, type NumberedRecord, SLOT_BYTES } from './journal-record.ts'

/** Behind the two records is one byte: not 0 once a process has fenced the owner. */
const FENCE_AT = 2 * SLOT_BYTES

/** If both records change during each of five reads in a row, they are damaged. */
const JOURNAL_READS_MAX = 5

interface Slot extends NumberedRecord {
  readonly at: number
}

/**
 * The file that decides the transactions of one owner of a transactional id. It has two records, which the owner writes in
 * turn, so that a torn write leaves the record before; of the whole records, the one with the higher sequence counts. The
 * owner keeps the file locked for its life: if it is not locked, the owner is dead.
 *
 * No process waits for another one to use it. Only the owner writes the records. A process that fences the owner writes the
 * byte behind them, and reads the records after that (`sealJournal`). The owner reads the byte after each record that it
 * writes: if the byte is clear, a process that fences it later finds the record.
 */
export class TransactionJournal {
  readonly name: string
  readonly transactionalId: string
  readonly #file: OpenFile
  readonly #byte = Buffer.alloc(1)

  /** `create` makes the file; the other modes throw `ENOENT` if it is missing. */
  constructor(files: FileSystem, data: string, name: string, mode: 'read' | 'update' | 'create') {
    this.name = name
    this.transactionalId = parseJournalName(name)?.transactionalId ?? name
    this.#file = files.open(journalPath(data, name), mode)
    try {
      // The file has its whole length from the start: later writes become durable without a new length.
      if (mode === 'create') this.#file.truncate(FENCE_AT + 1)
    } catch (error) {
      this.#file.close()
      throw error
    }
  }

  get path(): string {
    return this.#file.path
  }

  /** Makes this process the owner, until it closes the journal. Returns false if another process holds or reads the lock. */
  own(): boolean {
    return this.#file.tryLock()
  }

  /** Whether its owner lives. Not for the owner. */
  get isOwned(): boolean {
    return this.#file.isLocked()
  }

  /** The owner's last record; undefined if none is whole: then the journal is new. */
  read(): JournalRecord | undefined {
    return this.#latest()?.record
  }

  /** The positions of records that are not whole: their write was cut off, or they were damaged later. */
  brokenRecords(): number[] {
    return [0, SLOT_BYTES].filter((at) => !this.#isEmpty(at) && this.#slot(at) === undefined)
  }

  /** Replaces the record that does not count. For the owner; durable after `sync`. Throws `TRANSACTION_TOO_LARGE`. */
  write(record: JournalRecord): void {
    const latest = this.#latest()
    const bytes = encodeRecord({ record, sequence: (latest?.sequence ?? 0) + 1 }, this.transactionalId)
    this.#file.write(bytes, 0, bytes.length, latest?.at === 0 ? SLOT_BYTES : 0)
  }

  /** Throws `LOG_SYNC_FAILED`. */
  sync(): Promise<void> {
    return syncFile(this.#file)
  }

  /**
   * Whether its owner is fenced. The owner looks at it under the lock of the partition that it is about to write to: a process
   * that fences it reads the partitions after that.
   */
  get isFenced(): boolean {
    return this.#file.read(this.#byte, 0, 1, FENCE_AT) === 1 && this.#byte[0] !== 0
  }

  /** Fences the owner. It need not be durable: in another boot, every owner is dead. */
  fence(): void {
    this.#file.write(Buffer.of(1), 0, 1, FENCE_AT)
  }

  close(): void {
    this.#file.close()
  }

  #latest(): Slot | undefined {
    for (let tries = 1; ; tries++) {
      const [first, second] = [this.#slot(0), this.#slot(SLOT_BYTES)]
      if (first !== undefined && second !== undefined) return first.sequence > second.sequence ? first : second
      // The owner may have written both records, each while it was read here; damaged ones stay as they are.
      const isNew = this.#isEmpty(0) && this.#isEmpty(SLOT_BYTES)
      if (first !== undefined || second !== undefined || tries === JOURNAL_READS_MAX || isNew) return first ?? second
    }
  }

  #isEmpty(at: number): boolean {
    const start = Buffer.alloc(32)
    this.#file.read(start, 0, start.length, at)
    return start.every((byte) => byte === 0)
  }

  #slot(at: number): Slot | undefined {
    const found = decodeRecord((bytes) => this.#file.read(bytes, 0, bytes.length, at))
    return found && { ...found, at }
  }
}
