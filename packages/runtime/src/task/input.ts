import { type Batch, FatalError, type PartitionReader, type Position, RecordError, type Serde } from '@millrace/core'
import { type BatchMark, type InputCheckpoint, isKeyless } from '@millrace/core/internal'
import { DISCARD, type StreamOperator } from '../operators/operator.ts'
import type { Progress } from './event-time.ts'
import type { FencePoint } from './output-fence.ts'
import { inputIdOf } from './record-identity.ts'

/** How an input of a task is read, according to the plan. */
export interface InputSpec {
  readonly topic: string
  readonly partition: number
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Whether any step downstream can see the key, and the value: what no step sees is not decoded. */
  readonly readsKey: boolean
  readonly readsValue: boolean
  /** Whether the task reads it to its end before other inputs when it starts. Default false. */
  readonly bootstrap?: boolean
  /** Whether its records come from steps that go by the wall clock. Default false. */
  readonly byClock?: boolean
}

/** Decides what happens with a record that cannot be taken: returns to skip it, throws to stop. */
export type RefuseRecord = (error: RecordError, batch: Batch) => void

/**
 * What an input has next: a record for the operators; a notice, which is anything else that has an effect (a watermark, a
 * repeat, a record that cannot be taken); or nothing yet.
 */
export type Head = 'record' | 'notice' | 'none'

/**
 * One input partition of a task: what is next, and how far the task has come.
 *
 * Looking at the `head` has no effect on the task. The task takes a record with `announce`, which moves time to it, and
 * `consume`; it takes a notice with `takeNotice`. `offset` is then the checkpoint: everything before it has been processed.
 */
export abstract class TaskInput implements Progress {
  readonly topic: string
  readonly partition: number
  readonly id: number
  /** The name of the input's position in the task's checkpoint. */
  readonly checkpointKey: string
  /** How often something was read from the log. */
  reads = 0
  /** The next step for the records; the task sets it. */
  root: StreamOperator = DISCARD
  /** The record that is the head. */
  key: unknown = null
  value: unknown = null
  timestamp = 0
  /** The offset of the next record to process. */
  offset = 0
  /** Records from this offset on are not read (for a run to the end of what is there). */
  limit = Number.POSITIVE_INFINITY

  protected readonly spec: InputSpec
  readonly #keyless: boolean
  /** Where the partition ended when the task was opened. */
  #endAtStart = 0
  readonly #refuse: RefuseRecord
  #reader: PartitionReader | undefined
  #batch: Batch | undefined
  #head: Head = 'none'
  /** Why the head cannot be taken, if it is a record that cannot be taken. */
  #refusal: RecordError | undefined
  /** The batch that was begun last, with its beginning for this reader, and the one before it. */
  #begun: BatchMark | undefined
  #begunAt = 0
  #before: BatchMark | undefined
  /** The reader's offset when it last had nothing more. */
  #drainedAt = 0
  /** Tombstones before this offset may be deleted: the input never held what they deleted. */
  #compactedBefore = 0

  constructor(spec: InputSpec, refuse: RefuseRecord, checkpointKey = spec.topic) {
    this.topic = spec.topic
    this.partition = spec.partition
    this.id = inputIdOf(spec.topic)
    this.checkpointKey = checkpointKey
    this.spec = spec
    this.#keyless = isKeyless(spec.key)
    this.#refuse = refuse
  }

  /** Whether its time goes by the wall clock, also in part: then the end of the inputs does not move it. */
  get byClock(): boolean {
    return this.spec.byClock === true
  }

  abstract get watermark(): number
  abstract get idle(): boolean
  /** The watermark of the head's own source partition at the head. */
  abstract get headWatermark(): number
  /** The source positions that this input's progress stands for. */
  abstract get positions(): readonly Position[]
  /** Whether the head was processed before the job was set back: see `OutputFence`. */
  abstract get repeated(): boolean
  /** Takes how far the task had come with this input each time that the job was set back. */
  abstract fence(points: readonly FencePoint[]): void
  protected abstract saveProgress(): unknown
  protected abstract loadProgress(progress: unknown): void
  /** Whether the record under the cursor is for the operators. */
  protected abstract isRecord(batch: Batch): boolean
  /** Processes a record at the cursor that is not for the operators. */
  protected abstract note(batch: Batch): void
  /** Checks whether the input is idle; called now and then, with the monotonic time, ms. */
  abstract checkIdle(nowMs: number): void
  /**
   * The head is the next record that the task processes: the watermark moves to it. True if the watermark has moved, or the
   * input has become active. What time then closes comes before the record.
   */
  abstract announce(): boolean
  /** Records that the head is being processed. */
  protected abstract taken(batch: Batch): void
  /** The head's event time; called once it is decoded. */
  protected abstract eventTime(batch: Batch): number

  /** The batch whose cursor is at the head. */
  get batch(): Batch {
    if (this.#batch === undefined) throw new Error(`Input ${this.topic}/${this.partition} has no head`)
    return this.#batch
  }

  get endOffset(): number {
    return this.#reader?.endOffset ?? this.offset
  }

  /** Whether something was read that the task has not taken. */
  protected get hasHead(): boolean {
    return this.#head !== 'none'
  }

  /** Whether everything up to the limit, or else all that is there now, has been processed. */
  get atEnd(): boolean {
    return this.passed >= Math.min(this.limit, this.endOffset)
  }

  /** Whether nothing more comes in this run, so that windows can be closed. */
  get ended(): boolean {
    return this.atEnd
  }

  /**
   * The offset up to which there is nothing more to process: `offset`, and behind it what holds no records (markers, and
   * what aborted transactions left). The checkpoint stays before those: they need not be durable yet.
   */
  get passed(): number {
    return this.hasHead ? this.offset : Math.max(this.offset, this.#drainedAt)
  }

  /** Whether the task reads it before other inputs when it starts. */
  get isBootstrap(): boolean {
    return this.spec.bootstrap === true
  }

  /** Whether everything is processed that was there when the task was opened. */
  get caughtUp(): boolean {
    return this.passed >= Math.min(this.#endAtStart, this.limit)
  }

  /** Where the partition ends when the task is opened. */
  catchUpTo(end: number): void {
    this.#endAtStart = end
  }

  /** Restores the progress from a checkpoint, or begins without one. Throws if the checkpoint is of another topic. */
  load(checkpoint: InputCheckpoint | undefined): void {
    this.#before = checkpoint?.batch
    this.loadProgress(checkpoint?.progress)
    this.#compactedBefore = checkpoint?.compactedBefore ?? 0
  }

  /**
   * Starts reading at the position assigned to `reader`: at the checkpoint's offset, or, with nothing read yet, at the
   * topic's start.
   */
  start(reader: PartitionReader, atStart: boolean): void {
    this.#reader = reader
    if (atStart) this.#compactedBefore = reader.compactedBefore
    this.#batch = undefined
    this.#begun = undefined
    this.#head = 'none'
    this.offset = reader.position
    this.#drainedAt = 0
  }

  stop(): void {
    this.#reader?.close()
    this.#reader = undefined
    this.#batch = undefined
    this.#head = 'none'
  }

  async secure(): Promise<void> {
    await this.#reader?.secure()
  }

  get secured(): boolean {
    return this.#reader?.secured ?? true
  }

  checkpoint(): InputCheckpoint {
    const { offset } = this
    const compactedBefore = this.#compactedBefore
    const batch = this.#begun !== undefined && offset > this.#begunAt ? this.#begun : this.#before
    return {
      offset,
      progress: this.saveProgress(),
      ...(compactedBefore > offset && { compactedBefore }),
      ...(batch !== undefined && { batch }),
    }
  }

  /** What is next. Reads more once the last head was taken. */
  get head(): Head {
    if (this.#head === 'none') this.#head = this.#read()
    return this.#head
  }

  #read(): Head {
    for (;;) {
      let batch = this.#batch
      if (batch === undefined) {
        batch = this.#reader?.poll()
        if (batch === undefined) {
          this.#drainedAt = this.#reader?.position ?? 0
          return 'none'
        }
        if (batch.tombstonesGone && batch.nextOffset > this.#compactedBefore) throw tombstonesGone(batch)
        this.#batch = batch
        this.reads++
        this.#before = this.#begun ?? this.#before
        this.#begun = { nextOffset: batch.nextOffset, checksum: batch.checksum }
        this.#begunAt = batch.baseOffset
      }
      if (!batch.next()) {
        // Compaction leaves gaps at the end of a batch: they are processed too.
        this.offset = Math.max(this.offset, Math.min(batch.nextOffset, this.limit))
        this.#batch = undefined
        continue
      }
      if (batch.offset >= this.limit) {
        // Another process may have been past the limit before the task came back here: an offset never goes back.
        this.offset = Math.max(this.offset, this.limit)
        return 'none'
      }
      this.#refusal = undefined
      if (!this.isRecord(batch)) return 'notice'
      this.#refusal = this.#decode(batch)
      return this.#refusal === undefined ? 'record' : 'notice'
    }
  }

  /** The head, a record, is being processed: `offset` moves past it. Returns the batch whose cursor is at the record. */
  consume(): Batch {
    const batch = this.#take()
    this.taken(batch)
    return batch
  }

  /** The head, a notice, has its effect: `offset` moves past it. Throws if it is a record that stops the task. */
  takeNotice(): void {
    const { batch } = this
    if (this.#refusal === undefined) this.note(batch)
    else this.#refuse(this.#refusal, batch)
    this.#take()
  }

  #take(): Batch {
    this.#head = 'none'
    const { batch } = this
    this.offset = batch.offset + 1
    return batch
  }

  #decodeValue(batch: Batch): unknown {
    const { value } = this.spec
    if (value.decodeText !== undefined) return value.decodeText(batch.valueText())
    return value.decode(batch.bytes, batch.valueStart, batch.valueEnd)
  }

  /** Decodes the record at the cursor. Returns the reason if that fails. */
  #decode(batch: Batch): RecordError | undefined {
    const { spec } = this
    const keyless = this.#keyless
    if (batch.keyStart < 0 && !keyless) return keyMissing(spec, batch)
    let part = 'key'
    try {
      if (keyless) this.key = null
      else this.key = spec.readsKey ? spec.key.decode(batch.bytes, batch.keyStart, batch.keyEnd) : undefined
      part = 'value'
      if (batch.valueStart < 0) this.value = null
      else if (spec.readsValue) this.value = this.#decodeValue(batch)
      else this.value = undefined
      part = 'timestamp'
      this.timestamp = this.eventTime(batch)
      return undefined
    } catch (cause) {
      if (part === 'timestamp' && cause instanceof RecordError) return cause
      const serde = part === 'key' ? spec.key.name : spec.value.name
      const place = { topic: this.topic, partition: this.partition, offset: batch.offset }
      return new RecordError(
        'RECORD_UNDECODABLE',
        `The ${part} of the record at ${this.topic}/${this.partition} offset ${batch.offset} does not decode as ` +
          `${serde}: ${cause instanceof Error ? cause.message : cause}. Correct the topic's serde, or leave out such records with ` +
          'the policy onError({ undecodable: … })',
        { ...place, cause },
      )
    }
  }
}

function tombstonesGone({ topic, partition, baseOffset, nextOffset }: Batch): FatalError {
  return new FatalError(
    'TOMBSTONES_GONE',
    `The job is more than 24 hours behind in ${topic}/${partition}. Compaction removed deletions at offsets ${baseOffset} ` +
      `to ${nextOffset - 1} before the job had read them, so the job would keep the deleted rows. Compute everything from ` +
      'scratch with "millrace reset <job>"',
    { topic, partition, offset: baseOffset },
  )
}

function keyMissing({ topic, partition, key }: InputSpec, { offset }: Batch): RecordError {
  return new RecordError(
    'KEY_MISSING',
    `The record at ${topic}/${partition} offset ${offset} has no key, but the job reads the topic with keys (${key.name}). If its ` +
      `records have none, define the topic without \`key\`. To leave out single records, set the policy onError({ keyless: … })`,
    { topic, partition, offset },
  )
}
