import type { Env, Position } from '@millrace/core'
import { type Checkpoint, type InputCheckpoint, maximumPosition } from '@millrace/core/internal'
import type { CurrentRecord } from './current-record.ts'
import { type EventTime, NO_WATERMARK } from './event-time.ts'
import type { TaskInput } from './input.ts'
import type { MarkerSender } from './marker-sender.ts'
import type { OutputFence } from './output-fence.ts'
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
  /** The task's position, if its inputs do not determine it: results of windows that have closed are still to come. */
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
}

/**
 * What a task does, without I/O: it takes records from its inputs in the order of their times, moves event time, and runs the
 * operators under the job's error policy.
 */
export class Pipeline {
  readonly inputs: readonly TaskInput[]
  readonly #clock: TaskClock
  readonly #time: EventTime
  readonly #units: UnitRunner
  readonly #record: CurrentRecord
  readonly #counts: RunningCounts
  readonly #markers: readonly MarkerSender[]
  readonly #sources: Position
  readonly #fence: OutputFence | undefined
  /** The only input, if there is one. */
  readonly #single: TaskInput | undefined
  /** The inputs that may have something to read in this slice. One that is at its end costs a read of its file. */
  #readable: readonly TaskInput[] = []
  /** The position at the last moment when no results were still to come. */
  #settled: Position = {}
  /** Offsets of the last freeze, all inputs added up: they only grow, so a different sum means a change. */
  #frozenOffsets = 0

  constructor({ inputs, clock, time, units, record, counts, markers, sources, fence }: PipelineParts) {
    this.inputs = inputs
    this.#clock = clock
    this.#time = time
    this.#units = units
    this.#record = record
    this.#counts = counts
    this.#markers = markers
    this.#sources = sources
    this.#fence = fence
    this.#single = inputs.length === 1 ? inputs[0] : undefined
  }

  /** Settles when the pipeline may continue; undefined while it may. Until then it takes nothing, and cannot be frozen. */
  get blocked(): Promise<void> | undefined {
    return this.#units.block.until
  }

  /** Whether a commit would record anything new, apart from the state. */
  get changed(): boolean {
    return this.#clock.changed || this.#offsets !== this.#frozenOffsets
  }

  /** Whether all input up to the limits, or what is there now, has been processed, and all that time has caused. */
  get atEnd(): boolean {
    return !this.#clock.due && this.inputs.every((input) => input.atEnd)
  }

  /** The watermark of the whole task; null before the first record. */
  get watermark(): number | null {
    const { watermark } = this.#time
    return watermark === NO_WATERMARK ? null : watermark
  }

  /**
   * The source positions that the processing so far stands for. While results of windows that have closed are still to come,
   * it stays where it was before: an answer has everything that its position says.
   */
  get position(): Position {
    if (!this.#clock.hasPending) {
      this.#settled = maximumPosition([this.#sources, ...this.inputs.flatMap((input) => input.positions)])
    }
    return this.#settled
  }

  get #offsets(): number {
    let sum = 0
    for (const input of this.inputs) sum += input.offset
    return sum
  }

  /** Restores the event time from a checkpoint, once the inputs have restored their progress. */
  resume(checkpoint: Checkpoint): void {
    // Several different times come from tasks that are one task now: another version of the job divided the tasks
    // differently.
    const saved = [...checkpoint.values()].flatMap(({ time }) => (time === undefined ? [] : [time as SavedTime]))
    const settled = saved.flatMap(({ position }) => (position === undefined ? [] : [position]))
    this.#settled = maximumPosition([this.#sources, ...settled])
    this.#clock.resume(saved.map(({ clock }) => clock))
    this.#frozenOffsets = this.#offsets
  }

  /**
   * Does not read records of the source topics from the limits on, which are by topic; without limits, from the topics'
   * present ends.
   */
  limit(limits: ReadonlyMap<string, number> | undefined): ReadonlyMap<string, number> {
    const sources = this.inputs.filter((input) => input instanceof SourceInput)
    const chosen = limits ?? new Map(sources.map((input) => [input.topic, input.endOffset]))
    for (const input of sources) input.limit = chosen.get(input.topic) ?? input.endOffset
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
    this.#readable = this.inputs
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
    for (const input of this.inputs) input.stop()
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
    for (const markers of this.#markers) markers.send(position)
    const time: SavedTime = { clock: this.#clock.save(), ...(this.#clock.hasPending && { position }) }
    const checkpoint = new Map<string, InputCheckpoint>()
    for (const input of this.inputs) checkpoint.set(input.topic, { ...input.checkpoint(), time })
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
    // What has been closed comes before the next record.
    if (clock.due) return clock.step()
    const input = this.#single ?? this.#next()
    switch (input?.head) {
      case 'record':
        // What the record's time closes comes before the record, which counts as not read until it is processed.
        if (input.announce()) clock.advance()
        if (clock.due) return clock.step()
        this.#process(input)
        return 1
      case 'notice':
        if (this.#fence !== undefined) this.#fence.closed = input.repeated
        input.takeNotice()
        clock.advance()
        return 1
      default:
        return 0
    }
  }

  /**
   * The input whose head is next: a notice, or else the record with the lowest event time. Order within an input is that of
   * offsets. An input that has nothing is looked at again in the next slice.
   */
  #next(): TaskInput | undefined {
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

  #process(input: TaskInput): void {
    if (this.#fence !== undefined) this.#fence.closed = input.repeated
    const { headWatermark } = input
    this.#record.take(input.consume(), input.timestamp, headWatermark, input.id)
    this.#counts.processed++
    this.#units.process(input)
  }
}
