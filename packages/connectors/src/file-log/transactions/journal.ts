import { type FileSystem, type OpenFile, RefusedError } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import { type Producer, readInt64, writeInt64 } from '../../record-batch/format.ts'
import { rewrite } from '../partition/rewrite.ts'
import { journalPath } from '../paths.ts'
import { syncFile } from '../sync.ts'

/** A partition, the last transaction that a writer has committed there, and the offset after that transaction's last record. */
export interface CommittedPartition extends Producer {
  readonly topic: string
  /** A different topic with the same name has a different id. */
  readonly topicId: string
  readonly partition: number
  readonly end: number
}

/** A transaction that was committed, whose markers may not all be durable yet. */
export interface Decided extends Producer {
  /** All partitions that the writer has committed to, in this transaction or before. */
  readonly partitions: readonly CommittedPartition[]
}

/** The content of a journal. */
export interface JournalRecord {
  /** The producer that may write: the owner's present transaction. Everything with a lower epoch of this id is decided. */
  readonly producer: Producer
  /** Names the owner's lock. */
  readonly owner: string
  /** The last committed transaction; every other one with a lower epoch was aborted. */
  readonly decided: Decided | null
  /** The owner is closed for good, with nothing left open: the file is about to be removed. */
  readonly retired: boolean
}

const MAGIC = 0x4d524a31 // "MRJ1"
const CRC_AT = 4
const LENGTH_AT = 8
const EPOCH_AT = 12
const SEQUENCE_AT = 16
const ID_AT = 24
const HEAD_BYTES = 32
/**
 * The second slot starts here, and ends the file; in a decision, each partition takes some 350 bytes at most: 2,995 of them
 * fit.
 */
const SLOT_BYTES = 1024 * 1024

/** If both records change during each of five reads in a row, they are damaged. */
const JOURNAL_READS_MAX = 5

/** A whole record, and where it is. */
interface Slot {
  readonly record: JournalRecord
  readonly sequence: number
  readonly at: number
  readonly bytes: number
}

/**
 * The file that decides a writer's transactions. It has two slots, which are written in turn, so that a torn write leaves the
 * record before; of the whole records, the one with the higher sequence counts. It changes only under its own advisory lock,
 * so that the owner and a process that fences it change it one after the other.
 */
export class TransactionJournal {
  readonly transactionalId: string
  readonly #file: OpenFile
  readonly #head = Buffer.alloc(HEAD_BYTES)
  #released: PromiseWithResolvers<void> | undefined
  /** The sequence of the last record that this object made durable. */
  #durable = -1

  /** Opened to write, it creates a missing file; opened to read, it throws `ENOENT`. */
  constructor(files: FileSystem, data: string, transactionalId: string, mode: 'read' | 'write' = 'write') {
    this.transactionalId = transactionalId
    this.#file = files.open(journalPath(data, transactionalId), mode)
    try {
      // The file has its whole length from the start: later writes become durable without a new length.
      if (mode === 'write' && this.#file.size() < 2 * SLOT_BYTES) this.#file.truncate(2 * SLOT_BYTES)
    } catch (error) {
      this.#file.close()
      throw error
    }
  }

  get path(): string {
    return this.#file.path
  }

  async lock(): Promise<void> {
    // For the kernel, this open file holds the lock: it would grant it again to another step of this process.
    while (this.#released !== undefined) await this.#released.promise
    this.#released = Promise.withResolvers()
    try {
      if (!this.#file.tryLock()) await this.#file.lock()
    } catch (error) {
      this.#release()
      throw error
    }
  }

  unlock(): void {
    this.#file.unlock()
    this.#release()
  }

  /** The record that counts; undefined if none is whole: then the journal is new. */
  read(): JournalRecord | undefined {
    return this.#latest()?.record
  }

  /** The positions of records that are not whole: their write was cut off, or they were damaged later. */
  brokenRecords(): number[] {
    return [0, SLOT_BYTES].filter((at) => {
      const held = this.#file.read(this.#head, 0, HEAD_BYTES, at)
      return this.#head.subarray(0, held).some((byte) => byte !== 0) && this.#slot(at) === undefined
    })
  }

  /**
   * Whether this producer may still write: two short reads, made under the lock of the partition that is written to. A
   * process that fences the producer changes the journal first, and reads the partitions after that.
   */
  allows({ id, epoch }: Producer): boolean {
    let sequence = -1
    let allowed = false
    for (const at of [0, SLOT_BYTES]) {
      const head = this.#head
      if (this.#file.read(head, 0, HEAD_BYTES, at) < HEAD_BYTES || head.readUInt32BE(0) !== MAGIC) continue
      const found = readInt64(head, SEQUENCE_AT)
      if (found <= sequence) continue
      sequence = found
      allowed = readInt64(head, ID_AT) === id && head.readInt32BE(EPOCH_AT) === epoch
    }
    return allowed
  }

  /**
   * Makes the record that counts durable, unless that is known. Under the lock, before `write`: the new record replaces the
   * older one, and a power cut may tear it, so the newer one that is there must be durable. It is written again in its place,
   * since its owner's sync may have failed: a write of the same bytes cannot tear them.
   */
  async secure(): Promise<void> {
    const latest = this.#latest()
    if (latest === undefined || latest.sequence === this.#durable) return
    rewrite(this.#file, latest.at, latest.at + latest.bytes)
    await this.sync()
  }

  /** Replaces the record. Under the lock; durable after `sync`. Throws `TRANSACTION_TOO_LARGE`. */
  write(record: JournalRecord): void {
    const latest = this.#latest()
    const { producer, owner, decided, retired } = record
    const text = Buffer.from(JSON.stringify({ owner, decided, retired }))
    if (HEAD_BYTES + text.length > SLOT_BYTES) {
      throw new RefusedError(
        'TRANSACTION_TOO_LARGE',
        `The writer ${this.transactionalId} wrote ${decided?.partitions.length} partitions in one transaction: a journal has ` +
          'room for the names of some 3,000. Write to fewer partitions, or commit more often',
      )
    }
    const slot = Buffer.concat([Buffer.alloc(HEAD_BYTES), text])
    slot.writeUInt32BE(MAGIC, 0)
    slot.writeUInt32BE(slot.length, LENGTH_AT)
    slot.writeInt32BE(producer.epoch, EPOCH_AT)
    writeInt64(slot, (latest?.sequence ?? 0) + 1, SEQUENCE_AT)
    writeInt64(slot, producer.id, ID_AT)
    slot.writeUInt32BE(crc32c(slot, LENGTH_AT, slot.length), CRC_AT)
    this.#file.write(slot, 0, slot.length, latest?.at === 0 ? SLOT_BYTES : 0)
  }

  /** Throws `LOG_SYNC_FAILED`. */
  async sync(): Promise<void> {
    const sequence = this.#latest()?.sequence ?? -1
    await syncFile(this.#file)
    this.#durable = Math.max(this.#durable, sequence)
  }

  close(): void {
    this.#file.close()
  }

  #release(): void {
    this.#released?.resolve()
    this.#released = undefined
  }

  #latest(): Slot | undefined {
    for (let tries = 1; ; tries++) {
      const [first, second] = [this.#slot(0), this.#slot(SLOT_BYTES)]
      if (first !== undefined && second !== undefined) return first.sequence > second.sequence ? first : second
      // The owner may have written both records, each while it was read here; damaged ones stay as they are.
      if (first !== undefined || second !== undefined || tries === JOURNAL_READS_MAX || this.#isNew())
        return first ?? second
    }
  }

  #isNew(): boolean {
    return [0, SLOT_BYTES].every((at) => {
      const held = this.#file.read(this.#head, 0, HEAD_BYTES, at)
      return this.#head.subarray(0, held).every((byte) => byte === 0)
    })
  }

  #slot(at: number): Slot | undefined {
    const head = this.#head
    if (this.#file.read(head, 0, HEAD_BYTES, at) < HEAD_BYTES || head.readUInt32BE(0) !== MAGIC) return undefined
    const length = head.readUInt32BE(LENGTH_AT)
    if (length < HEAD_BYTES || length > SLOT_BYTES) return undefined
    const slot = Buffer.alloc(length)
    if (this.#file.read(slot, 0, length, at) < length) return undefined
    if (slot.readUInt32BE(CRC_AT) !== crc32c(slot, LENGTH_AT, length)) return undefined
    const rest = JSON.parse(slot.toString('utf8', HEAD_BYTES)) as Omit<JournalRecord, 'producer'>
    const producer = { id: readInt64(slot, ID_AT), epoch: slot.readInt32BE(EPOCH_AT) }
    return { record: { ...rest, producer }, sequence: readInt64(slot, SEQUENCE_AT), at, bytes: length }
  }
}
