import type { Env, Position } from '@millrace/core'
import { type Checkpoint, type InputCheckpoint, maximumPosition } from '@millrace/core/internal'
import type { CallProgress } from '../operators/time/clocked.ts'
import type { Closing } from './closing.ts'
import type { CurrentRecord } from './current-record.ts'
import { type EventTime, NO_WATERMARK } from './event-time.ts'
import { GlobalInput } from './global-input.ts'
import { GlobalTables } from './global-tables.ts'
import type { TaskInput } from './input.ts'
import type { MarkerSender } from './marker-sender.ts'
import type { OutputFence } from './output-fence.ts'
import { SettledPosition } from './settled-position.ts'
import { SourceInput } from './source-input.ts'
import type { SavedClock, TaskClock } from './task-clock.ts'
import type { RunningCounts } from './task-counts.ts'
import type { UnitRunner } from './unit-runner.ts'

/**
 * How many records are processed between two looks at the clock: 64 × 1 µs is far below a slice. A slice begins with a look
 * after one record, and doubles from there: 64 calls of a callback that takes seconds would be minutes.
 */
const RECORDS_PER_CLOCK_LOOK = 64

/** What a checkpoint holds about a task's time. */
export interface SavedTime {
  readonly clock: SavedClock
  /** The task's position, if its inputs do not determine it: results of windows that have closed, or of calls, are still to come. */
  readonly position?: Position
}

type Clock = Pick<Env['clock'], 'monotonic' | 'now'>

/** What a commit takes of a pipeline. */
export interface FrozenPipeline {
  readonly position: Position
  readonly checkpoint: Checkpoint
}

/** What a pipeline is made of: see `buildPipeline`. */
export interface PipelineParts {
  readonly inputs: readonly TaskInput[]
  readonly globals: readonly GlobalInput[]
  readonly clock: TaskClock
  /** The event time of the whole task. */
  readonly time: EventTime
  readonly units: UnitRunner
  readonly record: CurrentRecord
  readonly counts: RunningCounts
  readonly markers: readonly MarkerSender[]
  /** Every source partition that the inputs may depend on, at 0. */
  readonly sources: Position
  /** Closed while something is done again; undefined if the job was never set back. */
  readonly fence: OutputFence | undefined
  /** Closes windows at the end of the inputs; undefined if they are left open. */
  readonly closing?: Closing | undefined
}

/**
 * What a task does, without I/O: it takes records from its inputs in the order of their times, moves event time, and runs the
 * operators under the job's error policy.
 */
export class Pipeline {
  readonly inputs: readonly TaskInput[]
  readonly #globals: GlobalTables
  readonly #hasGlobals: boolean
  readonly #clock: TaskClock
  readonly #time: EventTime
  readonly #units: UnitRunner
  readonly #record: CurrentRecord
  readonly #counts: RunningCounts
  readonly #markers: readonly MarkerSender[]
  readonly #sources: Position
  readonly #fence: OutputFence | undefined
  readonly #closing: Closing | undefined
  /** Whether the markers of the last freeze state that everything is sent. */
  #endSent = false
  /** The inputs that are read before the others; empty once they are caught up. */
  #bootstrapping: readonly TaskInput[]
  /** The only input, if there is one. */
  readonly #single: TaskInput | undefined
  /** The inputs that may have something to read in this slice. One that is at its end costs a read of its file. */
  #readable: readonly TaskInput[] = []
  /** The position at the last moment when no results were still to come. */
  readonly #settled: SettledPosition
  /** Offsets of the last freeze, all inputs added up: they only grow, so a different sum means a change. */
  #frozenOffsets = 0

  constructor(parts: PipelineParts) {
    const { inputs, globals, clock, time, units, record, counts, markers, sources, fence, closing } = parts
    this.inputs = inputs
    this.#globals = new GlobalTables(globals)
    this.#hasGlobals = globals.length > 0
    this.#clock = clock
    this.#time = time
    this.#units = units
    this.#record = record
    this.#counts = counts
    this.#markers = markers
    this.#sources = sources
    this.#fence = fence
    this.#closing = closing
    this.#single = inputs.length === 1 ? inputs[0] : undefined
    this.#settled = new SettledPosition(clock.calls)
    this.#bootstrapping = inputs.filter((input) => input.isBootstrap)
  }

  /** Settles when the pipeline may continue; undefined while it may. Until then it takes nothing, and cannot be frozen. */
  get blocked(): Promise<void> | undefined {
    return this.#units.block.until
  }

  /** Whether a commit would record anything new, apart from the state. */
  get changed(): boolean {
    return this.#clock.changed || this.#offsets !== this.#frozenOffsets || this.#endIsNew
  }

  /** Whether all input up to the limits, or what is there now, has been processed, and all that time has caused. */
  get atEnd(): boolean {
    const isIdle = !this.#clock.due && !this.#clock.hasCalls && this.#closing?.done !== false
    return isIdle && this.allInputs.every((input) => input.atEnd)
  }

  /** Whether it takes no records before a call to the outside world is done. */
  get full(): boolean {
    return !this.#clock.due && this.#clock.full
  }

  /** Whether calls to the outside world are not done. */
  get hasCalls(): boolean {
    return this.#clock.hasCalls
  }

  /** The partitions of global tables. */
  get globals(): readonly GlobalInput[] {
    return this.#globals.inputs
  }

  /** Everything that is read, global tables first. */
  get allInputs(): readonly TaskInput[] {
    return [...this.#globals.inputs, ...this.inputs]
  }

  /** How far the steps with calls to the outside world have come with them. */
  get callProgress(): readonly CallProgress[] {
    return this.#clock.calls
  }

  /** The watermark of the whole task; null before the first record. */
  get watermark(): number | null {
    const { watermark } = this.#time
    return watermark === NO_WATERMARK ? null : watermark
  }

  /**
   * The source positions that the processing so far stands for. While results of windows that have closed are still to come,
   * it stays where it was before, and so it does for results of calls: an answer has everything up to its position.
   */
  get position(): Position {
    if (this.#clock.hasPending) return this.#settled.last
    return this.#settled.update(() =>
      maximumPosition([this.#sources, ...this.inputs.flatMap((input) => input.positions)]),
    )
  }

  /** Whether the tasks behind do not know yet that this one has sent everything. */
  get #endIsNew(): boolean {
    return this.#closing?.done === true && !this.#endSent && this.#markers.length > 0
  }

  get #offsets(): number {
    let sum = 0
    for (const input of this.inputs) sum += input.offset
    for (const input of this.globals) sum += input.offset
    return sum
  }

  /** Restores the event time from a checkpoint, once the inputs have restored their progress. */
  resume(checkpoint: Checkpoint): void {
    // Several different times come from tasks that are one task now: another version of the job divided the tasks
    // differently.
    const saved = [...checkpoint.values()].flatMap(({ time }) => (time === undefined ? [] : [time as SavedTime]))
    const settled = saved.flatMap(({ position }) => (position === undefined ? [] : [position]))
    this.#settled.resume(maximumPosition([this.#sources, ...settled]))
    this.#clock.resume(saved.map(({ clock }) => clock))
    this.#frozenOffsets = this.#offsets
  }

  /**
   * Does not read records of the users' topics from the limits on, which are by the inputs' checkpoint keys; without limits, from the topics'
   * present ends.
   */
  limit(limits: ReadonlyMap<string, number> | undefined): ReadonlyMap<string, number> {
    const sources = this.allInputs.filter((input) => input instanceof SourceInput || input instanceof GlobalInput)
    const chosen = limits ?? new Map(sources.map((input) => [input.checkpointKey, input.endOffset]))
    for (const input of sources) input.limit = chosen.get(input.checkpointKey) ?? input.endOffset
    return chosen
  }

  /**
   * Takes what the inputs have, and does what time causes, until there is nothing to do or the monotonic time is up, ms;
   * returns how much it did, in records. Throws what stops the task.
   */
  run(untilMs: number, { monotonic, now }: Clock): number {
    const { block } = this.#units
    block.throwFailure()
    this.#clock.reach(now())
    this.#globals.lookAgain()
    this.#readable = this.#bootstrapping.length > 0 ? this.#bootstrapping : this.inputs
    let done = 0
    let nextLook = 1
    while (block.until === undefined) {
      const cost = this.#step()
      if (cost === 0) break
      done += cost
      if (done < nextLook) continue
      nextLook = done + Math.min(done, RECORDS_PER_CLOCK_LOOK)
      if (monotonic() >= untilMs) break
      this.#clock.reach(now())
    }
    return done
  }

  /** Stops taking anything. */
  stop(): void {
    for (const input of this.allInputs) input.stop()
    this.#clock.stop()
    this.#units.stop()
  }

  /** Checks which inputs have had nothing to read for a long time; called now and then, with the monotonic time. */
  checkIdle(nowMs: number): void {
    for (const input of this.inputs) input.checkIdle(nowMs)
    this.#clock.tick(nowMs)
  }

  /** What a commit takes: the inputs' offsets, and how far time is. Sends markers with the same, if steps behind need them. */
  freeze(): FrozenPipeline {
    this.#units.block.throwFailure()
    const { position } = this
    const closing = this.#closing
    const ended = closing?.done === true ? closing.owners.self : undefined
    for (const markers of this.#markers) markers.send(position, ended)
    this.#endSent = ended !== undefined
    const isBehind = this.#clock.hasPending || this.#clock.hasCalls
    const time: SavedTime = { clock: this.#clock.save(), ...(isBehind && { position }) }
    const checkpoint = new Map<string, InputCheckpoint>()
    for (const input of this.inputs) checkpoint.set(input.checkpointKey, { ...input.checkpoint(), time })
    for (const input of this.globals) checkpoint.set(input.checkpointKey, input.checkpoint())
    return { position, checkpoint }
  }

  /** The commit has what it takes; what was changed since then belongs to the next one. */
  frozen(): void {
    this.#frozenOffsets = this.#offsets
    this.#clock.frozen()
  }

  /** Does one thing; returns its cost, in records, and 0 if there is nothing to do. */
  #step(): number {
    const clock = this.#clock
    if (this.#hasGlobals) {
      if (this.#stepGlobal()) return 1
      if (!this.#globals.caughtUp) return 0
    }
    // What has been closed comes before the next record.
    if (clock.due) return clock.step()
    const input = this.#single ?? this.#next()
    // The head was looked at before: a row that became readable before it comes first.
    if (input?.head !== undefined && this.#hasGlobals && this.#stepGlobal()) return 1
    switch (input?.head) {
      case 'record':
        if (clock.full) return 0
        // What the record's time closes comes before the record, which counts as not read until it is processed.
        if (input.announce()) clock.advance()
        if (clock.due) return clock.step()
        this.#process(input)
        return 1
      case 'notice':
        if (this.#closing !== undefined) this.#closing.done = false
        if (this.#fence !== undefined) this.#fence.closed = input.repeated
        input.takeNotice()
        clock.advance()
        return 1
      default:
        return this.#close()
    }
  }

  /** Takes what a global table has to be taken before anything else, if there is something. */
  #stepGlobal(): boolean {
    let reads = 0
    for (const input of this.inputs) reads += input.reads
    const input = this.#globals.next(reads)
    if (input === undefined) return false
    if (this.#fence !== undefined) this.#fence.closed = false
    if (input.head === 'notice') input.takeNotice()
    else this.#take(input)
    return true
  }

  /**
   * The input whose head is next: a notice, or else the record with the lowest event time. Order within an input is that of
   * offsets. An input that has nothing is looked at again in the next slice.
   */
  #next(): TaskInput | undefined {
    this.#endBootstrap()
    const next = this.#lowest()
    return next === undefined && this.#endBootstrap() ? this.#lowest() : next
  }

  /** Reads the other inputs too, once those that are read before them are caught up. Returns whether that is so just now. */
  #endBootstrap(): boolean {
    if (this.#bootstrapping.length === 0 || !this.#bootstrapping.every((input) => input.caughtUp)) return false
    this.#bootstrapping = []
    this.#readable = this.inputs
    return true
  }

  #lowest(): TaskInput | undefined {
    let next: TaskInput | undefined
    let empty: TaskInput | undefined
    for (const input of this.#readable) {
      const { head } = input
      if (head === 'notice') return input
      if (head === 'none') empty = input
      else if (next === undefined || input.timestamp < next.timestamp) next = input
    }
    if (empty !== undefined) this.#readable = this.#readable.filter((input) => input !== empty)
    return next
  }

  /** At the end of a run that closes windows: moves time to the next thing that waits for it. */
  #close(): number {
    const closing = this.#closing
    if (closing === undefined || closing.done || this.#clock.hasCalls || !this.inputs.every((input) => input.ended))
      return 0
    closing.move(this.#clock)
    return 1
  }

  #process(input: TaskInput): void {
    if (this.#closing !== undefined) this.#closing.done = false
    if (this.#fence !== undefined) this.#fence.closed = input.repeated
    this.#take(input)
  }

  #take(input: TaskInput): void {
    const { headWatermark } = input
    this.#record.take(input.consume(), input.timestamp, headWatermark, input.id)
    this.#counts.processed++
    this.#units.process(input)
  }
}
