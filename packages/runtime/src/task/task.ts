import type { Position, RecordGroup, TaskStatus } from '@millrace/core'
import { type FrozenCommit, type InputPlan, maximumPosition, ownValue, type TaskState } from '@millrace/core/internal'
import { checkInput } from './check-input.ts'
import { compilePlan } from './compile.ts'
import { CurrentRecord } from './current-record.ts'
import { ErrorPolicyKeeper } from './error-policy.ts'
import { type EventTime, NO_WATERMARK, wakingMs } from './event-time.ts'
import type { TaskInput } from './input.ts'
import { inputGone, inputLost, startsLate } from './input-range.ts'
import { makeInput } from './make-input.ts'
import type { MarkerSender } from './marker-sender.ts'
import { openLocalState } from './open-local-state.ts'
import { OriginHeader } from './origin.ts'
import { RepartitionInput } from './repartition-input.ts'
import { restoreState } from './restore.ts'
import { SourceInput } from './source-input.ts'
import { type SavedClock, TaskClock } from './task-clock.ts'
import { RunningCounts } from './task-counts.ts'
import { openDeadLetters, openOutputs, openTopic } from './task-outputs.ts'
import type { TaskSpec } from './task-spec.ts'
import { TaskTimes } from './times.ts'
import { needsUndo, UnitOfWork } from './unit-of-work.ts'
import { UnitRunner } from './unit-runner.ts'

/**
 * How many records are processed between two looks at the clock: 64 × 1 µs is far below a slice. A slice begins with a look
 * after one record, and doubles from there: 64 calls of a callback that takes seconds would be minutes.
 */
const RECORDS_PER_CLOCK_LOOK = 64

/** A commit on its way: what step 1 took. */
export interface TaskCommit {
  readonly task: Task
  readonly state: TaskState
  readonly group: RecordGroup
  readonly frozen: FrozenCommit
  readonly position: Position
}

/** What a checkpoint says of a task's time. */
interface SavedTime {
  readonly clock: SavedClock
  /** The task's position, if that cannot be told from its inputs: results of windows that have closed are still to come. */
  readonly position?: Position
}

/** One subtopology for one partition number: the unit of parallelism, order and state. */
export class Task {
  readonly id: string
  readonly spec: TaskSpec
  readonly counts = new RunningCounts()
  readonly #record = new CurrentRecord()
  readonly #inputs: TaskInput[] = []
  #clock = new TaskClock([], [])
  #time: EventTime | undefined
  /** The position when no results were owed last. */
  #settled: Position = {}
  #state: TaskState | undefined
  #group: RecordGroup | undefined
  #units: UnitRunner | undefined
  #markers: readonly MarkerSender[] = []
  #held: Promise<void> | undefined
  #holdFailure: { readonly error: unknown } | undefined
  /** Offsets of the last freeze, all inputs added up: as they only grow, another sum is news. */
  #committedOffsets = 0
  /** By topic: where a run to the end of what is there ends. */
  #limits: ReadonlyMap<string, number> | undefined

  constructor(spec: TaskSpec) {
    this.spec = spec
    this.id = `${spec.subtopology.id}-${spec.partition}`
  }

  /** The task's state; only between `open` and `close`. */
  get state(): TaskState {
    if (this.#state === undefined) throw new Error(`Task ${this.id} is not open`)
    return this.#state
  }

  /** Settles when the task may go on; undefined while it may. A held task takes no records and cannot commit. */
  get held(): Promise<void> | undefined {
    return this.#held
  }

  /** Changed bytes that wait for a commit, roughly. */
  get dirtyBytes(): number {
    return this.#state?.dirtyBytes ?? 0
  }

  /** Whether a commit would say anything new. */
  get dirty(): boolean {
    return this.#clock.changed || this.#offsets !== this.#committedOffsets || this.dirtyBytes > 0
  }

  /** Whether all input up to the limits, or what is there now, has been processed, and all that time has caused. */
  get atEnd(): boolean {
    return !this.#clock.due && this.#inputs.every((input) => input.atEnd)
  }

  /**
   * The source positions that what was processed so far stands for. While results of windows that have closed are still to come,
   * it stays where it was before: an answer has everything that its position says.
   */
  get position(): Position {
    if (!this.#clock.owes) {
      this.#settled = maximumPosition([this.spec.sources, ...this.#inputs.flatMap((input) => input.positions)])
    }
    return this.#settled
  }

  get #offsets(): number {
    let sum = 0
    for (const input of this.#inputs) sum += input.offset
    return sum
  }

  /**
   * Opens the state, brings it to its changelog's end, and starts the inputs at the checkpoint. Rejects with the signal's
   * reason where that is aborted meanwhile; then, as after any failure, the task is to be closed.
   */
  async open(signal?: AbortSignal): Promise<void> {
    const { topology, subtopology, partition, log, env, engine, catalog, notice } = this.spec
    const { state, note } = await openLocalState({
      directory: `${this.spec.stateDirectory}/${topology.job}/${this.id}`,
      job: topology.job,
      task: this.id,
      stores: subtopology.stores.map((store) => ({
        ...store,
        incarnation: ownValue(catalog.stores, store.name)?.incarnation ?? 1,
      })),
      inputs: subtopology.inputs.map((input) => input.topic),
      env,
      dirtyBytesMax: this.spec.dirtyBytesMax,
      ...(engine !== undefined && { engine }),
    })
    this.#state = state
    if (note !== undefined) notice(`${this.id}: ${note}`)
    const restoring = (done: number, total: number) => this.spec.restoring({ task: this.id, done, total })
    const restored = await restoreState(log, state, topology, partition, restoring, signal)
    this.counts.restored += restored.records
    if (restored.rebuilt !== undefined) notice(`${this.id}: local state was rebuilt: ${restored.rebuilt}`)
    this.#group = await this.spec.writer.openGroup(topology.changelog, partition)
    await this.#connect(state)
  }

  /** Leaves records from the present ends of the source topics on alone. */
  limitToEnd(): void {
    const sources = this.#inputs.filter((input) => input instanceof SourceInput)
    this.#limits ??= new Map(sources.map((input) => [input.topic, input.endOffset]))
    for (const input of sources) input.limit = this.#limits.get(input.topic) ?? input.endOffset
  }

  /**
   * Processes records, and what time causes, until there is nothing to do or the time is up; returns how much it did, in
   * records. Throws what stops the task.
   */
  runSlice(untilMs: number): number {
    if (this.#holdFailure !== undefined) throw this.#holdFailure.error
    const { monotonic } = this.spec.env.clock
    const clock = this.#clock
    const single = this.#inputs.length === 1 ? this.#inputs[0] : undefined
    let records = 0
    let nextLook = 1
    while (this.#held === undefined) {
      if (clock.due) {
        records += clock.step()
      } else {
        const input = single ?? this.#earliest()
        if (input === undefined || !input.fill()) {
          // A marker without a record behind it may have moved time.
          if (clock.due) continue
          break
        }
        // What the record's time closes comes before the record. Until it is processed, it counts as not read.
        if (input.announce()) clock.advance()
        if (clock.due) continue
        this.#process(input)
        records++
      }
      if (records < nextLook) continue
      nextLook = records + Math.min(records, RECORDS_PER_CLOCK_LOOK)
      if (monotonic() >= untilMs) break
    }
    return records
  }

  /** Looks which inputs have had nothing to read for long; called now and then, with the monotonic time. */
  checkIdle(nowMs: number): void {
    for (const input of this.#inputs) {
      input.checkIdle(nowMs)
    }
    this.#clock.tick(nowMs)
  }

  /** Step 1 of a commit: freezes offsets and state together, and tells the tasks downstream how far this one is. */
  freeze(): TaskCommit {
    const { state } = this
    // The record that waited has had no effect, but counts as processed.
    if (this.#holdFailure !== undefined) throw this.#holdFailure.error
    if (this.#group === undefined) throw new Error(`Task ${this.id} is not open`)
    const position = this.position
    for (const markers of this.#markers) markers.send(position)
    const time: SavedTime = { clock: this.#clock.save(), ...(this.#clock.owes && { position }) }
    const checkpoint = new Map(this.#inputs.map((input) => [input.topic, { ...input.checkpoint(), time }]))
    const frozen = state.freeze(this.#group, this.spec.env.clock.now(), checkpoint)
    this.#committedOffsets = this.#offsets
    this.#clock.frozen()
    return { task: this, state, group: this.#group, frozen, position }
  }

  /** Part of a commit's step 2: what the frozen offsets cover must not be lost by what the offsets survive. */
  async secureInputs(): Promise<void> {
    await Promise.all(this.#inputs.map((input) => input.secure()))
  }

  status(): TaskStatus {
    const watermark = this.#time?.watermark ?? NO_WATERMARK
    return {
      task: this.id,
      subtopology: this.spec.subtopology.id,
      partition: this.spec.partition,
      inputs: this.#inputs.map(({ topic, partition, passed, endOffset }) => ({
        topic,
        partition,
        offset: passed,
        endOffset,
      })),
      watermark: watermark === NO_WATERMARK ? null : watermark,
      counts: this.counts.snapshot(),
    }
  }

  /** What later commits do not need is deleted from the repartition topics that this task reads. */
  async purgeInputs(): Promise<void> {
    for (const input of this.#inputs) {
      const committed = this.#state?.checkpoint.get(input.topic)
      if (input instanceof RepartitionInput && committed !== undefined) {
        await this.spec.log.admin.purge(input.topic, input.partition, committed.offset)
      }
    }
  }

  /** Closes and opens again, from the changelog: for a store that cannot be trusted any more. */
  async reopen(): Promise<void> {
    this.#group?.discard()
    await this.close()
    await this.open()
  }

  async close(): Promise<void> {
    for (const input of this.#inputs) input.stop()
    this.#inputs.length = 0
    const state = this.#state
    this.#state = undefined
    this.#group = undefined
    this.#units = undefined
    this.#holdFailure = undefined
    await state?.close()
  }

  async #connect(state: TaskState): Promise<void> {
    const { subtopology, topology, partition, tasks, repartitionTopic } = this.spec
    const inputs = new Map(subtopology.inputs.map((input) => [input.node, this.#makeInput(input)]))
    const times = new TaskTimes(inputs, wakingMs(this.spec.idleAfterMs))
    const writers = await openOutputs(this.spec, subtopology)
    const deadLetters = await openDeadLetters(this.spec, topology.errors, partition)
    const unit = new UnitOfWork({ state, record: this.#record, counts: this.counts }, needsUndo(topology, subtopology))
    const policy = new ErrorPolicyKeeper(topology.errors, this.counts, deadLetters)
    const units = new UnitRunner(unit, this.#record, policy)
    const plan = compilePlan({
      subtopology,
      partition,
      tasks,
      state,
      record: this.#record,
      times,
      counts: this.counts,
      unit,
      units,
      origin: new OriginHeader(partition),
      writers,
      repartitionTopic,
      openWriters: (topic) => openTopic(this.spec, topic),
      hold: (until) => this.#hold(until),
    })
    this.#units = units
    this.#markers = plan.markers
    this.#time = times.whole
    this.#clock = new TaskClock(times.all, plan.clocked)
    for (const [node, input] of inputs) {
      const root = plan.roots.get(node)
      if (root === undefined) throw new Error(`Input ${input.topic} was not compiled`)
      input.root = root
      await this.#startInput(input, state)
      this.#inputs.push(input)
    }
    // Several that differ come from tasks that are one now: another version of the job drew the line elsewhere.
    const saved = [...state.checkpoint.values()].flatMap(({ time }) => (time === undefined ? [] : [time as SavedTime]))
    const settled = saved.flatMap(({ position }) => (position === undefined ? [] : [position]))
    this.#settled = maximumPosition([this.spec.sources, ...settled])
    this.#clock.resume(saved.map(({ clock }) => clock))
    this.#committedOffsets = this.#offsets
  }

  #makeInput(plan: InputPlan): TaskInput {
    const { subtopology, partition, topics, env, idleAfterMs } = this.spec
    return makeInput(plan, {
      now: () => env.clock.now(),
      idleAfterMs,
      subtopology,
      partition,
      topics,
      refuse: (error, batch) => this.#units?.refused(error, batch),
      marker: () => this.#clock.advance(),
      taken: () => {
        this.counts.repartitioned++
      },
      repeat: () => {
        this.counts.repeats++
      },
    })
  }

  async #startInput(input: TaskInput, state: TaskState): Promise<void> {
    const { topic, partition } = input
    const { reader, log, env } = this.spec
    const checkpoint = state.checkpoint.get(topic)
    input.load(checkpoint)
    const { start, end } = await log.admin.offsets(topic, partition)
    const place = { job: this.spec.topology.job, topic, partition, offset: checkpoint?.offset ?? start }
    if (place.offset > end) throw inputLost(place, end)
    if (place.offset < start) throw inputGone(place, start)
    if (checkpoint === undefined && start > 0) this.spec.notice(`${this.id}: ${startsLate(place)}`)
    await checkInput(log, topic, partition, checkpoint?.batch)
    input.start(await reader.assign(topic, partition, place.offset), place.offset <= start)
    input.checkIdle(env.clock.monotonic())
  }

  /** The input whose head has the lowest event time; order within one input is that of its offsets. */
  #earliest(): TaskInput | undefined {
    let earliest: TaskInput | undefined
    for (const input of this.#inputs) {
      if (input.fill() && (earliest === undefined || input.timestamp < earliest.timestamp)) earliest = input
    }
    return earliest
  }

  #process(input: TaskInput): void {
    const { headWatermark } = input
    this.#record.take(input.consume(), input.timestamp, headWatermark, input.id)
    this.counts.processed++
    this.#units?.process(input)
  }

  #hold(until: Promise<unknown>): void {
    const units = this.#units
    // What waits goes on before the hold is over: no commit may come between.
    const resumed = Promise.all([this.#held, until]).then(() => {
      if (units === this.#units) units?.resume()
    })
    const held = resumed.then(
      () => {
        if (this.#held === held) this.#held = undefined
      },
      (error: unknown) => {
        this.#holdFailure = { error }
        if (this.#held === held) this.#held = undefined
      },
    )
    this.#held = held
  }
}
