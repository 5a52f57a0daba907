import {
  firstOpenWindowStart,
  type TimeScan,
  type WindowEntry,
  type WindowSpec,
  type WindowStore,
} from '@millrace/core/internal'
import type { CurrentRecord } from '../task/current-record.ts'
import { type EventTime, NO_WATERMARK, type PendingResults } from '../task/event-time.ts'
import type { OutputFence } from '../task/output-fence.ts'
import { inputIdOf } from '../task/record-identity.ts'
import type { ClockedOperator } from './clocked.ts'
import type { TableOperator } from './operator.ts'

/**
 * The value before the first search for a window: less than every start, and more than no watermark, so that it is due once
 * time is known.
 */
const NOT_BEGUN = Number.MIN_SAFE_INTEGER
/** What looking at some hundred keys costs, in records: see `TimeScan.step`. */
const GATHERING_COST = 64

/** What a checkpoint holds about the finals of one step. */
interface SavedFinals {
  /** All windows that start before this have been emitted; null if none was looked for. */
  readonly emittedBefore: number | null
  /** The window whose results are being emitted, with the place of the last result. */
  readonly open?: { readonly start: number; readonly place: string | undefined; readonly outputs: number }
}

/**
 * Emits the totals of windows once they have closed: each once, window by window, in pieces, so that a window of a million
 * keys delays nothing else. A final has the last time inside its window, and carries that time as its watermark too: until
 * the last result of a window is emitted, the time behind this step does not pass it.
 */
export class WindowFinals implements ClockedOperator, PendingResults {
  readonly name: string
  readonly time: EventTime
  readonly emits = true
  readonly #windows: WindowSpec
  readonly #store: WindowStore<unknown, unknown>
  readonly #record: CurrentRecord
  /** The next step for the results; set before the first step. */
  next: TableOperator | undefined
  /** Finals are numbered by window, separately, so that records and other steps may come between them. */
  readonly #inputId: number
  #emittedBefore = NOT_BEGUN
  #scan: TimeScan<WindowEntry<unknown, unknown>> | undefined
  #fence: OutputFence | undefined
  /** What had been emitted each time that the job was set back. */
  #emitted: readonly SavedFinals[] = []
  /** How many records of repartition topics the results of the open window have caused. */
  outputs = 0

  constructor(
    name: string,
    windows: WindowSpec,
    time: EventTime,
    store: WindowStore<unknown, unknown>,
    record: CurrentRecord,
  ) {
    this.name = name
    this.#windows = windows
    this.time = time
    this.#store = store
    this.#record = record
    this.#inputId = inputIdOf(`\0final ${name}`)
  }

  get dueAt(): number {
    const { sizeMs, graceMs } = this.#windows
    if (this.#scan !== undefined) return this.#scan.time + sizeMs + graceMs
    return this.#emittedBefore === NOT_BEGUN ? NOT_BEGUN : this.#emittedBefore + sizeMs + graceMs
  }

  get pendingFrom(): number {
    const start = this.#scan?.time ?? this.#emittedBefore
    return start === NOT_BEGUN ? NO_WATERMARK : start + this.#windows.sizeMs - 1
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
        this.#emittedBefore = scan.time + this.#windows.advanceMs
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

  /** Called also without a checkpoint, and while time is unknown: windows that a checkpoint has must close once time is known. */
  resume(saved: unknown): void {
    const { emittedBefore, open } = (saved ?? { emittedBefore: null }) as SavedFinals
    this.#emittedBefore = emittedBefore ?? NOT_BEGUN
    this.#scan = open && this.#store.scan(open.start, open.place)
    this.outputs = open?.outputs ?? 0
  }

  #openNext(): void {
    const start = this.#store.firstTime(this.#emittedBefore)
    const firstOpen = firstOpenWindowStart(this.time.watermark, this.#windows)
    if (start === undefined || start >= firstOpen) {
      this.#emittedBefore = firstOpen
      return
    }
    this.#emittedBefore = start
    this.#scan = this.#store.scan(start)
    this.outputs = 0
  }

  /** Whether the entry that a scan is at was emitted before the job was set back. */
  #wasEmitted(scan: TimeScan<WindowEntry<unknown, unknown>>): boolean {
    return this.#emitted.some(({ emittedBefore, open }) => {
      if (emittedBefore !== null && scan.time < emittedBefore) return true
      return open?.start === scan.time && open.place !== undefined && !scan.isAfter(open.place)
    })
  }

  #emit(scan: TimeScan<WindowEntry<unknown, unknown>>): void {
    if (this.#fence !== undefined) this.#fence.closed = this.#wasEmitted(scan)
    const { key, value, start, end } = scan.entry
    const { graceMs } = this.#windows
    const record = this.#record
    record.takeResult(end - 1, this.#inputId, end + graceMs, this.outputs)
    try {
      this.next?.change({ key, window: { start, end } }, value, null, end - 1)
    } finally {
      this.outputs = record.outputs
    }
  }
}
