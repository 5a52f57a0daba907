import type { LogReader, Position, RecordGroup, TaskStatus } from '@millrace/core'
import { type FrozenCommit, ownValue, settleAll, type TaskState } from '@millrace/core/internal'
import { beginningsIn } from '../catalog/catalog.ts'
import { buildPipeline } from './build-pipeline.ts'
import { ChangelogFollower } from './changelog-follower.ts'
import { findStart } from './check-input.ts'
import type { GlobalInput } from './global-input.ts'
import type { TaskInput } from './input.ts'
import { startsLate } from './input-range.ts'
import { localStateOptions, storeKey, taskId } from './local-state-options.ts'
import { type LocalState, openLocalState } from './open-local-state.ts'
import { OutputFence } from './output-fence.ts'
import type { Pipeline } from './pipeline.ts'
import { RepartitionInput } from './repartition-input.ts'
import { requireSameTopic } from './source-input.ts'
import { StateCopies } from './state-copies.ts'
import { RunningCounts } from './task-counts.ts'
import { TaskOutputs } from './task-outputs.ts'
import type { TaskSession, TaskSpec } from './task-spec.ts'

/** A commit under way: what step 1 took. */
export interface TaskCommit {
  readonly task: Task
  readonly state: TaskState
  readonly group: RecordGroup
  readonly frozen: FrozenCommit
  readonly position: Position
}

/** What a task has while it is open. */
interface OpenTask {
  readonly state: TaskState
  /** The task's part of the changelog. */
  readonly group: RecordGroup
  readonly pipeline: Pipeline
}

/**
 * One subtopology for one partition number: the unit of parallelism, order and state. It opens its state and its topics,
 * rolls back to its last commit, and closes; its pipeline does the work in between.
 */
export class Task {
  readonly id: string
  readonly spec: TaskSpec
  readonly counts = new RunningCounts()
  #state: TaskState | undefined
  #group: RecordGroup | undefined
  #pipeline: Pipeline | undefined
  #readers: LogReader[] = []
  /** By topic: the offsets where a run to the end of what is there ends. */
  #limits: ReadonlyMap<string, number> | undefined

  constructor(spec: TaskSpec) {
    this.spec = spec
    this.id = taskId(spec)
  }

  /** The task's state; only between `open` and `close`. */
  get state(): TaskState {
    return this.#opened.state
  }

  /** Settles when the task may continue; undefined while it may. A held task takes no records and cannot commit. */
  get blocked(): Promise<void> | undefined {
    return this.#pipeline?.blocked
  }

  /** Changed bytes that wait for a commit, roughly. */
  get dirtyBytes(): number {
    return this.#state?.dirtyBytes ?? 0
  }

  /** Whether a commit would record anything new. */
  get dirty(): boolean {
    return this.#pipeline?.changed === true || this.dirtyBytes > 0
  }

  /** Whether all input up to the limits, or what is there now, has been processed, and all that time has caused. */
  get atEnd(): boolean {
    return this.#pipeline?.atEnd ?? true
  }

  /** Whether it takes no records before a call to the outside world is done. */
  get full(): boolean {
    return this.#pipeline?.full ?? false
  }

  /** Whether calls to the outside world are not done. */
  get hasCalls(): boolean {
    return this.#pipeline?.hasCalls ?? false
  }

  /** The source positions that the processing so far stands for: see `Pipeline.position`. */
  get position(): Position {
    return this.#pipeline?.position ?? this.spec.sources
  }

  /** What the task reads with besides the reader of its container: it has more to do when one of them has. */
  get readers(): readonly LogReader[] {
    return this.#readers
  }

  get #opened(): OpenTask {
    const state = this.#state
    const group = this.#group
    const pipeline = this.#pipeline
    if (state === undefined || group === undefined || pipeline === undefined)
      throw new Error(`Task ${this.id} is not open`)
    return { state, group, pipeline }
  }

  /**
   * Opens the state, brings it to its changelog's end, and starts the inputs at the checkpoint. The state may be that of a
   * standby, which is open: from here on it is the task's. Rejects with the signal's reason if that is aborted meanwhile; then,
   * as after any failure, the caller must close the task.
   */
  async open(session: TaskSession, signal?: AbortSignal, standby?: LocalState): Promise<void> {
    const { topology, partition } = this.spec
    this.#state = standby?.state
    const state = await this.#openState(session, signal, standby)
    this.#group = await session.outputs.openGroup(topology.changelog, partition)
    this.#pipeline = await this.#connect(session, state)
  }

  /** Does not read records from the present ends of the source topics on. */
  limitToEnd(): void {
    this.#limits = this.#opened.pipeline.limit(this.#limits)
  }

  /**
   * Processes records, and what time causes, until there is nothing to do or the time is up; returns how much it did, in
   * records. Throws what stops the task.
   */
  runSlice(untilMs: number): number {
    return this.#pipeline?.run(untilMs, this.spec.env.clock) ?? 0
  }

  /** Checks which inputs have had nothing to read for a long time; called now and then, with the monotonic time. */
  checkIdle(nowMs: number): void {
    this.#pipeline?.checkIdle(nowMs)
  }

  /** Step 1 of a commit: freezes offsets and state together, and reports to the tasks downstream how far this one is. */
  freeze(): TaskCommit {
    const { state, group, pipeline } = this.#opened
    const { position, checkpoint } = pipeline.freeze()
    const frozen = state.freeze(group, this.spec.env.clock.now(), checkpoint)
    pipeline.frozen()
    return { task: this, state, group, frozen, position }
  }

  /** Part of a commit's step 2: a failure that the offsets survive must not lose the records that they cover. */
  async secureInputs(): Promise<void> {
    await Promise.all(this.#inputs.map((input) => input.secure()))
  }

  #secureRead(): Promise<void> | undefined {
    return this.#inputs.every((input) => input.secured) ? undefined : this.secureInputs()
  }

  status(): TaskStatus {
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
      watermark: this.#pipeline?.watermark ?? null,
      counts: this.counts.snapshot(),
    }
  }

  /** Deletes from the repartition topics that this task reads what later commits do not need. */
  async purgeInputs(): Promise<void> {
    for (const input of this.#inputs) {
      const committed = this.#state?.checkpoint.get(input.topic)
      if (input instanceof RepartitionInput && committed !== undefined) {
        await this.spec.log.admin.purge(input.topic, input.partition, committed.offset)
      }
    }
  }

  /** Closes and opens again, from the changelog: for a store that cannot be trusted any more. */
  async reopen(session: TaskSession): Promise<void> {
    this.#group?.discard()
    await this.close()
    await this.open(session)
  }

  async close(): Promise<void> {
    const state = this.#state
    const readers = this.#readers
    this.#pipeline?.stop()
    this.#pipeline = undefined
    this.#group = undefined
    this.#state = undefined
    this.#readers = []
    await settleAll([...readers.map((reader) => reader.close()), state?.close() ?? Promise.resolve()])
  }

  get #inputs(): readonly TaskInput[] {
    return this.#pipeline?.allInputs ?? []
  }

  async #openState(
    { catalog }: TaskSession,
    signal: AbortSignal | undefined,
    standby: LocalState | undefined,
  ): Promise<TaskState> {
    const { topology, partition, log, env, notice } = this.spec
    const options = localStateOptions(this.spec, catalog)
    const { state, note, copy } = standby ?? (await openLocalState(options))
    this.#state = state
    if (standby === undefined && note !== undefined) notice(note)
    const progress = (done: number, total: number) => this.spec.restoring({ task: this.id, done, total })
    const restored = await new ChangelogFollower(log, state, topology, partition).catchUp({ progress, signal })
    this.counts.restored += restored.records
    if (restored.rebuilt !== undefined) notice(`Task ${this.id} rebuilt its local state: ${restored.rebuilt}`)
    new StateCopies(env.files, options.directory).noteOwner(copy)
    return state
  }

  async #connect({ reader, outputs, catalog, owners }: TaskSession, state: TaskState): Promise<Pipeline> {
    const { spec, counts } = this
    const fences = catalog.restored?.fences ?? []
    const fence = fences.length === 0 ? undefined : new OutputFence(catalog.restored?.id)
    const topics = new TaskOutputs(spec, outputs, fence)
    const pipeline = buildPipeline({
      ...spec,
      state,
      storeKey: (store) => storeKey(catalog, store),
      counts,
      writers: await topics.openNamed(),
      deadLetters: await topics.openDeadLetters(),
      openWriters: (topic) => topics.openTopic(topic),
      now: () => spec.env.clock.now(),
      outside: { ...spec.outside, secure: () => this.#secureRead() },
      fence,
      fences,
      owners,
    })
    for (const input of pipeline.inputs) await this.#startInput(input, state, reader, catalog)
    for (const input of pipeline.globals) await this.#startGlobal(input, state)
    pipeline.resume(state.checkpoint)
    return pipeline
  }

  async #startInput(
    input: TaskInput,
    { checkpoint: checkpoints }: TaskState,
    reader: TaskSession['reader'],
    catalog: TaskSession['catalog'],
  ): Promise<void> {
    const { topic, partition } = input
    const { log, env, topics } = this.spec
    const checkpoint = checkpoints.get(topic)
    const of = ownValue(beginningsIn(catalog), topic)
    const beginning = checkpoint === undefined ? ownValue(of?.offsets ?? {}, partition) : undefined
    if (beginning !== undefined) requireSameTopic(topic, topics.get(topic)?.id ?? '', of)
    input.load(checkpoint)
    const { start, end, place } = await findStart(log, this.spec.topology.job, input, checkpoint, beginning)
    // What it had skipped or forgotten on request needs no notice.
    if (checkpoint === undefined && beginning === undefined && start > 0)
      this.spec.notice(`${this.id}: ${startsLate(place)}`)
    input.start(await reader.assign(topic, partition, place.offset), checkpoint === undefined || place.offset <= start)
    input.catchUpTo(end)
    input.checkIdle(env.clock.monotonic())
  }

  /** Each partition of each global table has its own reader: other tasks read the same partition from elsewhere. */
  async #startGlobal(input: GlobalInput, { checkpoint: checkpoints }: TaskState): Promise<void> {
    const { log, topology, notice } = this.spec
    const checkpoint = checkpoints.get(input.checkpointKey)
    input.load(checkpoint)
    const { start, end, place } = await findStart(log, topology.job, input, checkpoint)
    if (checkpoint === undefined && start > 0) notice(`${this.id}: ${startsLate(place)}`)
    const reader = log.openReader()
    this.#readers.push(reader)
    const partition = await reader.assign(input.topic, input.partition, place.offset)
    input.start(partition, checkpoint === undefined || place.offset <= start)
    input.catchUpTo(end)
  }
}
