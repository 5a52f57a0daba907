import type { ArrivalNode } from '@millrace/core/internal'
import { ArrivalTime } from '../../task/arrival-time.ts'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { StepClock } from '../../task/step-clock.ts'
import { StreamOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'
import type { ClockedOperator } from './clocked.ts'

/** Begins a time of the wall clock for the steps behind. */
export const compileArrival: CompileStep<ArrivalNode> = (node, context) => {
  const time = new ArrivalTime(`arrival ${node.name}`, context.timeBefore(node))
  context.beginTime(node, time)
  context.drive(new ArrivalClock(time, (after) => context.firstByClock(after)))
  return () => [new ArrivalOperator(time, context.clock, context.record, context.streamAfter(node))]
}

/**
 * Passes each record on with the wall-clock time at which it comes. The task's position and the state that the record changes are
 * one commit: so a record keeps the time once it is committed, and gets a later one if a crash takes it back. Nothing is
 * late behind this step.
 */
class ArrivalOperator extends StreamOperator {
  readonly #time: ArrivalTime
  readonly #clock: StepClock
  readonly #record: CurrentRecord
  readonly #next: StreamOperator

  constructor(time: ArrivalTime, clock: StepClock, record: CurrentRecord, next: StreamOperator) {
    super()
    this.#time = time
    this.#clock = clock
    this.#record = record
    this.#next = next
  }

  process(key: unknown, value: unknown): void {
    const [time, clock, record] = [this.#time, this.#clock, this.#record]
    const at = time.timeAt(clock.wallMs)
    if (at > time.watermark) {
      time.reach(at)
      // What the clock closes comes before the next record.
      clock.lookSoon = true
    }
    const own = record.watermark
    record.watermark = at
    this.#next.process(key, value, at)
    // If a step behind throws, the whole record is undone, and the next one has its own watermark.
    record.watermark = own
  }
}

/** Moves the time behind an arrival step on, when the wall clock comes to what waits there. */
export class ArrivalClock implements ClockedOperator {
  readonly time: ArrivalTime
  readonly emits = false
  readonly dueAt = Number.POSITIVE_INFINITY
  wallDueAt = Number.POSITIVE_INFINITY
  readonly #firstAfter: (time: number) => number

  /** `firstAfter`: the first time after another one for which a step waits that goes by the wall clock; infinite if none does. */
  constructor(time: ArrivalTime, firstAfter: (time: number) => number) {
    this.time = time
    this.#firstAfter = firstAfter
  }

  get name(): string {
    return this.time.name
  }

  /** What records have left to wait. Between two commits they move time themselves. */
  look(): void {
    this.wallDueAt = this.#firstAfter(this.time.watermark)
    this.time.hasWaiting = Number.isFinite(this.wallDueAt)
  }

  step(wallMs: number): number {
    this.time.reach(wallMs)
    // This is a change, so a commit follows, which looks again.
    this.wallDueAt = Number.POSITIVE_INFINITY
    return 1
  }

  save(): undefined {
    return undefined
  }

  resume(): void {
    this.look()
  }
}
