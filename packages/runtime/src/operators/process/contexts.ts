import type {
  Duration,
  Headers,
  KeyTimer,
  ProcessRecordContext,
  ProcessTimerContext,
  SideOutputs,
  StateCells,
  TimerTime,
} from '@millrace/core'
import { durationMs, EVENT_TIME_MAX, type ProcessNode } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { StreamOperator } from '../operator.ts'
import type { StepTimers } from '../time/timers.ts'
import type { ProcessCall } from './call.ts'

/** The handles of a step, whatever their types: the same for records and timers. */
export interface Handles {
  readonly state: Readonly<Record<string, unknown>>
  readonly timers: Readonly<Record<string, KeyTimer>>
  readonly outputs: Readonly<Record<string, StepEmitter>>
  /** Takes a value and a time, or, in a step with state for each task, a key before them. */
  readonly emit: (...record: never[]) => void
}

type AnyRecordContext = ProcessRecordContext<StateCells, SideOutputs, string, unknown>
type AnyTimerContext = ProcessTimerContext<StateCells, SideOutputs, string, unknown>

/** What the contexts of records and timers share. */
abstract class CallContext {
  protected readonly call: ProcessCall
  readonly state: never
  readonly timers: Handles['timers']
  readonly outputs: never
  /** A field, so that callbacks may take it out of the context. */
  readonly emit: never

  constructor(call: ProcessCall, { state, timers, outputs, emit }: Handles) {
    this.call = call
    // The boundary at which the DSL's types of a step's state and emissions end: callbacks are held with any types.
    this.state = state as never
    this.timers = timers
    this.outputs = outputs as never
    this.emit = emit as never
  }

  get timestamp(): number {
    return this.call.timestamp
  }

  get watermark(): number {
    return this.call.watermark
  }

  get isLate(): boolean {
    return this.call.timestamp < this.call.watermark
  }
}

/** What a callback sees of a record. */
export class RecordCallContext extends CallContext implements AnyRecordContext {
  readonly #record: CurrentRecord

  constructor(call: ProcessCall, handles: Handles, record: CurrentRecord) {
    super(call, handles)
    this.#record = record
  }

  get topic(): string {
    return this.#record.topic
  }

  get partition(): number {
    return this.#record.partition
  }

  get offset(): number {
    return this.#record.offset
  }

  get headers(): Headers {
    return this.#record.headers
  }
}

/** What a callback sees of a timer. */
export class TimerCallContext extends CallContext implements AnyTimerContext {
  wallTime: number | undefined
}

/** Emits to one output of a step. */
export class StepEmitter {
  readonly emit: Handles['emit']

  constructor(scope: ProcessNode['scope'], call: ProcessCall, to: StreamOperator) {
    const emit = (key: unknown, value: unknown, timestamp = call.timestamp) => {
      call.emit(to, key, value, checkedTime(call, 'emitted a record with', timestamp))
    }
    this.emit = scope === 'task' ? emit : (value: unknown, timestamp?: number) => emit(call.key, value, timestamp)
  }
}

/** The timer of one name, of the key that a call is for. */
export class NamedTimer implements KeyTimer {
  readonly #name: string
  readonly #call: ProcessCall
  readonly #timers: StepTimers

  constructor(name: string, call: ProcessCall, timers: StepTimers) {
    this.#name = name
    this.#call = call
    this.#timers = timers
  }

  at(time: number): void {
    this.#set('event', time)
  }

  after(delay: Duration): void {
    this.#set('event', this.#call.timestamp + this.#delayMs(delay))
  }

  wallAt(time: number): void {
    this.#set('wall', time)
  }

  wallAfter(delay: Duration): void {
    this.#set('wall', this.#timers.wallMs + this.#delayMs(delay))
  }

  cancel(): void {
    this.#call.require()
    this.#timers.cancel(this.#call.key, this.#name)
  }

  get armed(): TimerTime | undefined {
    this.#call.require()
    return this.#timers.armed(this.#call.key, this.#name)
  }

  #set(clock: 'event' | 'wall', at: number): void {
    const call = this.#call
    call.require()
    checkedTime(call, `set timer "${this.#name}" for`, at)
    this.#timers.set(call.key, this.#name, clock, at, call.time)
  }

  #delayMs(delay: Duration): number {
    const ms = durationMs(delay)
    if (ms >= 0) return ms
    throw this.#call.error(`set timer "${this.#name}" after ${delay}, which is not a duration`)
  }
}

function checkedTime(call: ProcessCall, what: string, time: number): number {
  if (Number.isSafeInteger(time) && time >= 0 && time <= EVENT_TIME_MAX) return time
  throw call.error(`${what} the time ${time}. A time is a whole number of ms since 1970, from 0 to ${EVENT_TIME_MAX}`)
}
