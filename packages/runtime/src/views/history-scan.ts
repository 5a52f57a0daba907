import type { Clock, Timers } from '@millrace/core'
import { keyToText } from '@millrace/core/internal'
import { jsonEntry } from './entry-json.ts'
import { Followers } from './followers.ts'
import { RESUME_BYTES_MAX, RESUME_RECORDS_MAX, RESUME_SLICE_MS } from './limits.ts'
import type { ResumingFollower } from './resuming-follower.ts'
import type { HistoryBatch, HistoryReader, PartHistory, ServedView, ViewPart } from './served-view.ts'

/** How long one wait for an undecided commit may take before the end is looked up again. */
const UNDECIDED_WAIT_MS = 1000

/** What a scan needs of its surroundings. */
export interface ScanOptions {
  readonly view: ServedView
  readonly clock: Clock
  readonly timers: Timers
  /** Aborts when the scan has to end, because time is over or because no one waits for it. */
  readonly signal: AbortSignal
}

/** Followers that begin at one offset. */
interface Start {
  readonly offset: number
  readonly followers: readonly ResumingFollower[]
  /** How many bytes were read before it. */
  bytesBefore: number
  readonly leave: (() => void)[]
}

/**
 * Reads the history of one part once for all followers that come back, whatever they have missed, and gives each the changes
 * after its own point. The work is that of the bytes between the first of these points and the end, and of the changes that
 * followers want.
 *
 * A follower gets every change, or it is reset. Three checks ensure that. The commit at its point has the checksum that its id
 * states: otherwise the log was cut, or is another one, or compaction has passed it. A batch has as many records as offsets:
 * otherwise compaction has removed some. And the reading ends where the part is.
 */
export class HistoryScan {
  readonly #options: ScanOptions
  readonly #part: ViewPart
  readonly #history: PartHistory
  readonly #end: number
  /** Followers whose point is not reached yet, the first one first. */
  #ahead: Start[]
  /** Starts that were reached and checked, in order. */
  #reached: Start[] = []
  readonly #wanting = new Followers<ResumingFollower>()
  #bytes = 0
  #untilMs = 0
  /** The last offset from which the end was too far. */
  #tooFar = -1

  /** `end`: up to where the part is read. */
  constructor(options: ScanOptions, part: ViewPart, history: PartHistory, end: number) {
    this.#options = options
    this.#part = part
    this.#history = history
    this.#end = end
    this.#ahead = []
  }

  /**
   * Reads for these followers. Returns the last offset from which it was more than may be read, or -1. Rejects if the history
   * cannot be read.
   */
  async read(followers: readonly ResumingFollower[]): Promise<number> {
    this.#ahead = startsOf(
      followers.filter((each) => this.#isNear(each)),
      this.#part.partition,
    )
    const [first] = this.#ahead
    if (first === undefined) return this.#tooFar
    const reader = await this.#history.open(Math.max(0, first.offset - 1))
    this.#untilMs = this.#options.clock.monotonic() + RESUME_SLICE_MS
    try {
      if (first.offset === 0) this.#begin(this.#ahead.shift())
      while (reader.position < this.#end && this.#isWanted(reader)) await this.#step(reader)
      this.#resetAll(this.#ahead, 'unknown')
      return this.#tooFar
    } finally {
      await reader.close()
    }
  }

  #isNear(follower: ResumingFollower): boolean {
    const offset = offsetOf(follower, this.#part.partition)
    const distance = this.#end - offset
    if (distance < 0) follower.reset('unknown')
    if (distance > RESUME_RECORDS_MAX) follower.reset('behind')
    return distance > 0 && !follower.isSettled
  }

  /** Whether anyone waits for what is next. Passes over what no one waits for. */
  #isWanted(reader: HistoryReader): boolean {
    for (let [first] = this.#reached; first !== undefined && this.#isOver(first); [first] = this.#reached) {
      this.#reached.shift()
    }
    if (this.#reached.length > 0) return true
    const [next] = this.#ahead
    if (next === undefined) return false
    if (next.offset - 1 > reader.position) reader.seek(next.offset - 1)
    return true
  }

  #isOver({ followers, leave }: Start): boolean {
    if (followers.some(({ isSettled }) => !isSettled)) return false
    for (const each of leave) each()
    return true
  }

  async #step(reader: HistoryReader): Promise<void> {
    const { signal } = this.#options
    signal.throwIfAborted()
    const batch = reader.poll()
    if (batch !== undefined) return this.#take(batch)
    // Offsets of aborted transactions and of markers are passed without a batch.
    if (reader.position < this.#end) await reader.wait(UNDECIDED_WAIT_MS, signal)
  }

  async #take(batch: HistoryBatch): Promise<void> {
    let records = 0
    while (batch.next()) {
      records++
      this.#bytes += batch.bytes
      this.#give(batch)
      if (this.#options.clock.monotonic() >= this.#untilMs) await this.#rest()
    }
    if (records !== batch.nextOffset - batch.baseOffset) this.#resetAll(this.#reached, 'compacted')
    this.#endThoseBehind()
    this.#beginAt(batch)
  }

  /** The first starts have read the most. */
  #endThoseBehind(): void {
    for (let [first] = this.#reached; first !== undefined; [first] = this.#reached) {
      if (this.#bytes - first.bytesBefore <= RESUME_BYTES_MAX) return
      this.#tooFar = first.offset
      this.#resetAll([first], 'behind')
      if (this.#isOver(first)) this.#reached.shift()
    }
  }

  #give(batch: HistoryBatch): void {
    const { ofAll, hasSelective } = this.#wanting
    if (ofAll.size === 0 && !hasSelective) return
    const change = batch.change()
    if (change === undefined) return
    const { view } = this.#options
    const wanting = hasSelective ? [...this.#wanting.wanting(keyToText(view.key, change.key))] : []
    if (ofAll.size + wanting.length === 0) return
    const json = JSON.stringify(jsonEntry(view, change))
    for (const follower of [...ofAll, ...wanting]) follower.takeMissed(json)
  }

  /** Begins with the followers whose point is the end of a batch, if it is the one that they mean. */
  #beginAt(batch: HistoryBatch): void {
    for (let [next] = this.#ahead; next !== undefined && next.offset <= batch.nextOffset; [next] = this.#ahead) {
      this.#ahead.shift()
      const isEnd = next.offset === batch.nextOffset
      const checksum = isEnd ? batch.recordsChecksum() : undefined
      for (const follower of next.followers) {
        if (follower.from.points.get(this.#part.partition)?.checksum !== checksum) follower.reset('unknown')
      }
      this.#begin(next)
    }
  }

  #begin(start: Start | undefined): void {
    if (start === undefined) return
    start.bytesBefore = this.#bytes
    for (const follower of start.followers) {
      if (!follower.isSettled) start.leave.push(this.#wanting.add(follower, follower.wanted))
    }
    this.#reached.push(start)
  }

  #resetAll(starts: readonly Start[], reason: Parameters<ResumingFollower['reset']>[0]): void {
    for (const { followers } of starts) for (const follower of followers) follower.reset(reason)
  }

  /** Lets the tasks run after a slice. */
  async #rest(): Promise<void> {
    const { clock, timers } = this.#options
    await timers.turn()
    this.#untilMs = clock.monotonic() + RESUME_SLICE_MS
  }
}

function offsetOf({ from }: ResumingFollower, partition: number): number {
  return from.points.get(partition)?.nextOffset ?? 0
}

function startsOf(followers: readonly ResumingFollower[], partition: number): Start[] {
  const byOffset = Map.groupBy(followers, (follower) => offsetOf(follower, partition))
  return [...byOffset]
    .sort(([a], [b]) => a - b)
    .map(([offset, at]) => ({ offset, followers: at, bytesBefore: 0, leave: [] }))
}
