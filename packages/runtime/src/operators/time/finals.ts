import {
  type Entry,
  type FixedWindows,
  nextWindowStart,
  type StepNode,
  type TimedStore,
  type TimeScan,
  type WindowSpec,
} from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import { type EventTime, NO_WATERMARK, type PendingResults } from '../../task/event-time.ts'
import type { OutputFence } from '../../task/output-fence.ts'
import { inputIdOf } from '../../task/record-identity.ts'
import type { TableOperator } from '../operator.ts'
import type { StepContext } from '../step-context.ts'
import type { ClockedOperator, PendingResult } from './clocked.ts'

/**
 * The value before the first search for an entry: less than every time, and more than no watermark, so that it is due once
 * time is known.
 */
const NOT_BEGUN = Number.MIN_SAFE_INTEGER
/** What looking at some hundred keys costs, in records: see `TimeScan.step`. */
const GATHERING_COST = 64

/** What a checkpoint holds about the finals of one step. */
interface SavedFinals {
  /** All entries of earlier times than this have been emitted; null if none was looked for. */
  readonly emittedBefore: number | null
  /** The time whose entries are being emitted, with the place of the last one. */
  readonly open?: { readonly start: number; readonly place: string | undefined; readonly outputs: number }
}

/** How the times of a store's entries determine when they are complete, and the times of their results. */
export interface Completion<E> {
  /** An entry is complete once the watermark is this much after its time, ms. */
  readonly delayMs: number
  /** From an entry's time to that of its result, ms; with `timeOf`, the least. */
  readonly resultMs: number
  /** The time of an entry's result, if it depends on more than the entry's time. */
  readonly timeOf?: (entry: E) => number
  /** The times of entries are multiples of this, ms. */
  readonly advanceMs: number
}

/** The windows of a store are complete once they have closed. A final has the last time inside its window. */
export function whenClosed({ sizeMs, advanceMs, graceMs }: FixedWindows): Completion<unknown> {
  return { delayMs: sizeMs + graceMs, resultMs: sizeMs - 1, advanceMs }
}

/** As `whenClosed`, for windows of any length: the time of an entry is its end. */
export function whenEnded({ graceMs }: Pick<WindowSpec, 'graceMs'>): Completion<unknown> {
  return { delayMs: graceMs, resultMs: -1, advanceMs: 1 }
}

/** Gives the finals of a step their turns, and lets time behind it wait for them. */
export function driveFinals<E extends Entry<unknown, unknown>>(
  finals: Finals<E>,
  node: StepNode,
  context: StepContext,
): void {
  context.drive(finals)
  context.holdBack(node, finals.name, finals.time, finals)
}

/**
 * Emits the entries of a store once they are complete: each once, time by time, in pieces, so that a window of a million keys
 * delays nothing else. A result carries its own time as its watermark too: until the last result of a time is emitted, the
 * time behind this step does not pass it.
 */
export class Finals<E extends Entry<unknown, unknown>> implements ClockedOperator, PendingResults {
  readonly name: string
  readonly time: EventTime
  readonly emits = true
  readonly #completion: Completion<E>
  readonly #store: TimedStore<unknown, unknown, E>
  readonly #rowKey: (entry: E) => unknown
  readonly #record: CurrentRecord
  /** The next step for the results; set before the first step. */
  next: TableOperator | undefined
  /** Finals are numbered by time, separately, so that records and other steps may come between them. */
  readonly #inputId: number
  #emittedBefore = NOT_BEGUN
  #scan: TimeScan<E> | undefined
  #fence: OutputFence | undefined
  /** What had been emitted each time that the job was set back. */
  #emitted: readonly SavedFinals[] = []
  /** How many records of repartition topics the results of the open time have caused. */
  outputs = 0

  /** `rowKey`: the key of an entry's result. */
  constructor(
    name: string,
    completion: Completion<E>,
    time: EventTime,
    store: TimedStore<unknown, unknown, E>,
    rowKey: (entry: E) => unknown,
    record: CurrentRecord,
  ) {
    this.name = name
    this.#completion = completion
    this.time = time
    this.#store = store
    this.#rowKey = rowKey
    this.#record = record
    this.#inputId = inputIdOf(`\0final ${name}`)
  }

  get dueAt(): number {
    const { delayMs } = this.#completion
    if (this.#scan !== undefined) return this.#scan.time + delayMs
    return this.#emittedBefore === NOT_BEGUN ? NOT_BEGUN : this.#emittedBefore + delayMs
  }

  get pendingFrom(): number {
    const next = this.#scan?.time ?? this.#emittedBefore
    return next === NOT_BEGUN ? NO_WATERMARK : next + this.#completion.resultMs
  }

  firstPending(): PendingResult | undefined {
    const time = this.#scan?.time ?? this.#store.firstTime(this.#emittedBefore)
    return time === undefined ? undefined : { at: time + this.#completion.delayMs }
  }

  step(): number {
    const scan = this.#scan
    if (scan === undefined) {
      this.#openNext()
      return 1
    }
    switch (scan.step()) {
      case 'gathering':
        return GATHERING_COST
      case 'entry':
        this.#emit(scan)
        return 1
      case 'end':
        this.#emittedBefore = scan.time + this.#completion.advanceMs
        this.#scan = undefined
        return 1
    }
  }

  fence(fence: OutputFence, emitted: readonly unknown[]): void {
    this.#fence = fence
    this.#emitted = emitted as readonly SavedFinals[]
  }

  save(): SavedFinals {
    const emittedBefore = this.#emittedBefore === NOT_BEGUN ? null : this.#emittedBefore
    if (this.#scan === undefined) return { emittedBefore }
    const { time: start, place } = this.#scan
    return { emittedBefore, open: { start, place, outputs: this.outputs } }
  }

  /**
   * Called also without a checkpoint, and while time is unknown: entries that a checkpoint has must be emitted once time is known. If
   * the store was emptied because the step has other times now, the checkpoint may be ahead of them.
   */
  resume(saved: unknown): void {
    const { emittedBefore, open } = (saved ?? { emittedBefore: null }) as SavedFinals
    this.#emittedBefore = emittedBefore === null ? NOT_BEGUN : Math.min(emittedBefore, this.#firstIncomplete)
    this.#scan = open && this.#store.scan(open.start, open.place)
    this.outputs = open?.outputs ?? 0
  }

  /** The first time whose entries are not complete; infinite while time is unknown. */
  get #firstIncomplete(): number {
    const { delayMs, advanceMs } = this.#completion
    const { watermark } = this.time
    return watermark === NO_WATERMARK ? Number.POSITIVE_INFINITY : nextWindowStart(watermark - delayMs, advanceMs)
  }

  #openNext(): void {
    const next = this.#store.firstTime(this.#emittedBefore)
    const firstIncomplete = this.#firstIncomplete
    if (next === undefined || next >= firstIncomplete) {
      this.#emittedBefore = firstIncomplete
      return
    }
    this.#emittedBefore = next
    this.#scan = this.#store.scan(next)
    this.outputs = 0
  }

  /** Whether the entry that a scan is at was emitted before the job was set back. */
  #wasEmitted(scan: TimeScan<E>): boolean {
    return this.#emitted.some(({ emittedBefore, open }) => {
      if (emittedBefore !== null && scan.time < emittedBefore) return true
      return open?.start === scan.time && open.place !== undefined && !scan.isAfter(open.place)
    })
  }

  #emit(scan: TimeScan<E>): void {
    if (this.#fence !== undefined) this.#fence.closed = this.#wasEmitted(scan)
    const { time, entry } = scan
    const { delayMs, resultMs, timeOf } = this.#completion
    const resultTime = timeOf === undefined ? time + resultMs : timeOf(entry)
    const record = this.#record
    record.takeResult(resultTime, this.#inputId, time + delayMs, this.outputs)
    try {
      this.next?.change(this.#rowKey(entry), entry.value, null, resultTime)
    } finally {
      this.outputs = record.outputs
    }
  }
}
