import type { TimerTime } from '@millrace/core'
import type { SetTimer, StepNode, StorePlan } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { ResultSource } from '../../task/error-policy.ts'
import type { EventTime, PendingResults } from '../../task/event-time.ts'
import type { SavedTimers } from '../../task/fired-timers.ts'
import type { OutputFence } from '../../task/output-fence.ts'
import { inputIdOf } from '../../task/record-identity.ts'
import type { StepClock } from '../../task/step-clock.ts'
import type { ResultStep, UnitRunner } from '../../task/unit-runner.ts'
import { anySerde } from '../any-serde.ts'
import type { TableOperator } from '../operator.ts'
import type { StepContext } from '../step-context.ts'
import type { ClockedOperator, PendingResult } from './clocked.ts'
import { KeyText } from './key-text.ts'
import { type DueTimer, TimerQueue, type TimerStore } from './timer-queue.ts'

/** A timer that fires, as the step's operator takes it. */
export interface FiredTimer {
  /** The watermark of what it causes. */
  readonly watermark: number
  /** Undefined in event time. */
  readonly wallTime: number | undefined
}

/** What becomes of the timers that are not due when a run ends that closes windows: it moves time on to them, or leaves them set. */
export type AtClosing = 'fire' | 'stay'

/** The timers of a step that has a store for them. They fire in its task, and hold back the time behind it. */
export function drivenTimers(
  node: StepNode,
  plan: StorePlan,
  time: EventTime,
  context: StepContext,
  atClosing: AtClosing,
): StepTimers {
  const timers = new StepTimers(node.label, plan, time, context.sortedStore(plan) as TimerStore, atClosing, context)
  context.drive(timers)
  context.holdBack(node, plan.name, time, timers)
  return timers
}

/**
 * The timers of a step, by key and name, in event time and by the wall clock. Each one that fires is a separate unit,
 * under the error policy, and is not set any more: also if its unit fails.
 *
 * The time behind the step does not pass a timer of event time that is set: it is the lesser of the step's watermark and the first
 * timer's time. So what a timer emits with its own time is never late. A timer that was set for a time that was over then carries
 * the watermark of the call that set it, which depends on the data alone.
 */
export class StepTimers implements ClockedOperator, PendingResults {
  readonly name: string
  readonly time: EventTime
  readonly emits = true
  readonly #store: TimerStore
  readonly #atClosing: AtClosing
  readonly #record: CurrentRecord
  readonly #clock: StepClock
  readonly #units: UnitRunner
  readonly #step: string
  readonly #event: TimerQueue
  readonly #wall: TimerQueue
  /** What timers cause is numbered by their times, separately from records, and each clock from the other. */
  readonly #eventId: number
  readonly #wallId: number
  #fence: OutputFence | undefined
  /** What had fired each time that the job was set back. */
  #fired: readonly SavedTimers[] = []
  /** Takes key, name and `FiredTimer` of a timer; set before the first step. */
  #next: { readonly event: ResultStep; readonly wall: ResultStep } | undefined

  constructor(
    step: string,
    { name, key }: StorePlan,
    time: EventTime,
    store: TimerStore,
    atClosing: AtClosing,
    { record, clock, units }: Pick<StepContext, 'record' | 'clock' | 'units'>,
  ) {
    this.#step = step
    this.name = name
    this.time = time
    this.#store = store
    this.#atClosing = atClosing
    this.#record = record
    this.#clock = clock
    this.#units = units
    const texts = new KeyText(anySerde(key))
    this.#event = new TimerQueue('event', store, texts)
    this.#wall = new TimerQueue('wall', store, texts)
    this.#eventId = inputIdOf(`\0timer ${name}`)
    this.#wallId = inputIdOf(`\0wall timer ${name}`)
  }

  get dueAt(): number {
    return this.#event.nextAt
  }

  get wallDueAt(): number {
    return this.#wall.nextAt
  }

  get pendingFrom(): number {
    return this.#event.nextAt
  }

  firstPending(): PendingResult | undefined {
    if (this.#atClosing === 'stay') return undefined
    const first = this.#event.first()
    return first && { at: first.at, timer: { step: this.#step, setAt: first.setAt } }
  }

  /** The wall clock, as the task last read it. */
  get wallMs(): number {
    return this.#clock.wallMs
  }

  /** `source`: how the step's keys are written in a dead letter; its value is the timer's name. */
  connect(source: ResultSource, next: TableOperator): void {
    const from = { ...source, next }
    this.#next = { event: { ...from, finals: this.#event }, wall: { ...from, finals: this.#wall } }
  }

  /** When a timer fires; undefined if it is not set. */
  armed(key: unknown, name: string): TimerTime | undefined {
    const { value } = this.#store.find([key, name])
    return value && { clock: value.order.clock, at: value.value.at }
  }

  /** How a timer is set; undefined if it is not. */
  setting(key: unknown, name: string): SetTimer | undefined {
    return this.#store.find([key, name]).value?.value
  }

  /** Sets or moves a timer. `setAt`: the event time of the call. */
  set(key: unknown, name: string, clock: 'event' | 'wall', at: number, setAt: number): void {
    const queue = clock === 'event' ? this.#event : this.#wall
    queue.set(this.#store.find([key, name]), at, setAt)
    if (at <= (clock === 'event' ? this.time.watermark : this.#clock.wallMs)) this.#clock.lookSoon = true
  }

  cancel(key: unknown, name: string): void {
    const entry = this.#store.find([key, name])
    if (entry.value !== undefined) this.#store.set(entry, undefined)
  }

  step(wallMs: number): number {
    const { watermark } = this.time
    if (this.#event.nextAt <= watermark) {
      const due = this.#event.take(watermark)
      if (due !== undefined) this.#fireEvent(due)
    } else {
      const due = this.#wall.take(wallMs)
      if (due !== undefined) this.#fireWall(due, wallMs)
    }
    return 1
  }

  fence(fence: OutputFence, emitted: readonly unknown[]): void {
    this.#fence = fence
    this.#fired = emitted as readonly SavedTimers[]
  }

  save(): SavedTimers {
    return { event: this.#event.save(), wall: this.#wall.save() }
  }

  resume(saved: unknown): void {
    const { event, wall } = (saved ?? { event: null, wall: null }) as SavedTimers
    this.#event.resume(event)
    this.#wall.resume(wall)
  }

  #fireEvent(due: DueTimer): void {
    this.#fire(this.#event, due, due.at, Math.max(due.at, due.setAt), undefined)
  }

  /** It has the event time that the step has reached, or that of the call which set it if that is later. */
  #fireWall(due: DueTimer, wallMs: number): void {
    const timestamp = Math.max(due.setAt, this.time.watermark)
    this.#fire(this.#wall, due, timestamp, timestamp, wallMs)
  }

  #fire(queue: TimerQueue, due: DueTimer, timestamp: number, watermark: number, wallTime: number | undefined): void {
    const isWall = wallTime !== undefined
    const [key, name] = due.entry.key
    const record = this.#record
    const saved = this.#fired.flatMap((each) => (isWall ? each.wall : each.event) ?? [])
    const hadFired = queue.fire(due, saved)
    if (this.#fence !== undefined) this.#fence.closed = hadFired
    record.takeResult(timestamp, isWall ? this.#wallId : this.#eventId, queue.firedAt, queue.outputs)
    record.watermark = watermark
    const next = this.#next
    if (next === undefined) throw new Error('A timer fired before its step was connected')
    const fired: FiredTimer = { watermark, wallTime }
    try {
      this.#units.emit(isWall ? next.wall : next.event, key, name, fired, timestamp)
    } finally {
      queue.outputs = record.outputs
    }
  }
}
