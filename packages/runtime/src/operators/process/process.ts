import { type Serde, string } from '@millrace/core'
import type {
  CellPlan,
  KeyValueStore,
  ProcessNode,
  SideOutputNode,
  SortedStore,
  StateViewNode,
  TimedValue,
} from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { anySerde } from '../any-serde.ts'
import { callbackFailed, DISCARD, StreamOperator, TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import { ignoreRejection } from '../returned.ts'
import type { CompileStep, StepContext } from '../step-context.ts'
import { KeyText } from '../time/key-text.ts'
import { judgingWatermark } from '../time/late-records.ts'
import { drivenTimers, type FiredTimer, type StepTimers } from '../time/timers.ts'
import { ProcessCall } from './call.ts'
import { CellExpiry } from './cell-expiry.ts'
import { ListCellState, MapCellState, ValueCellState } from './cells.ts'
import { type Handles, NamedTimer, RecordCallContext, StepEmitter, TimerCallContext } from './contexts.ts'

type OnRecord = (value: unknown, key: unknown, context: RecordCallContext) => unknown
type OnTombstone = (key: unknown, context: RecordCallContext) => unknown
type OnTimer = (...parameters: readonly unknown[]) => unknown

/** The key of the state of a task. */
const TASK_KEY = ''

/** Runs a user's callbacks: for records, and, if there are timers, when these fire. */
export const compileProcess: CompileStep<ProcessNode> = (node, context) => {
  const time = context.timeBefore(node)
  const call = new ProcessCall(node.label)
  const state = Object.fromEntries(node.cells.map((cell) => [cell.name, cellState(cell, node, call, time, context)]))
  const timers = node.timers && drivenTimers(node, node.timers, time, context, 'fire')
  return () => {
    const handles: Handles = Object.freeze({
      state: Object.freeze(state),
      timers: Object.freeze(namedTimers(node, call, timers)),
      outputs: Object.freeze(
        Object.fromEntries(
          node.sideOutputs.map((name) => [name, new StepEmitter(node.scope, call, context.sideAfter(node, name))]),
        ),
      ),
      emit: new StepEmitter(node.scope, call, context.streamAfter(node)).emit,
    })
    const fired = context.resultsOf(node, anySerde(node.key), string() as Serde<unknown>)
    timers?.connect(fired, new TimerOperator(node, call, context.record, new TimerCallContext(call, handles)))
    return [new ProcessOperator(node, call, time, context.record, new RecordCallContext(call, handles, context.record))]
  }
}

/** The step itself passes on what it emits to a side output. */
export const compileSideOutput: CompileStep<SideOutputNode> = (node, context) => () => [context.streamAfter(node)]

/** A view reads the store of the step: nothing is passed to it. */
export const compileStateView: CompileStep<StateViewNode> = () => () => [DISCARD]

function namedTimers(
  { onTimer }: ProcessNode,
  call: ProcessCall,
  timers: StepTimers | undefined,
): Record<string, NamedTimer> {
  if (timers === undefined) return {}
  return Object.fromEntries(Object.keys(onTimer).map((name) => [name, new NamedTimer(name, call, timers)]))
}

function cellState(
  cell: CellPlan,
  node: ProcessNode,
  call: ProcessCall,
  time: EventTime,
  context: StepContext,
): ValueCellState | ListCellState | MapCellState {
  if (cell.kind === 'map') {
    const store = context.sortedStore(cell.store)
    const texts = new KeyText(anySerde(node.key))
    return new MapCellState(
      call,
      cell,
      store as SortedStore<unknown, unknown, unknown>,
      texts,
      expiryOf(cell, store, time, context),
    )
  }
  const store = context.keyValueStore(cell.store)
  const expiry = expiryOf(cell, store, time, context)
  if (cell.kind === 'value') return new ValueCellState(call, cell, store, expiry)
  return new ListCellState(call, cell, store as KeyValueStore<unknown, readonly TimedValue<unknown>[]>, expiry)
}

function expiryOf(
  { expiry, ttlMs }: CellPlan,
  store: KeyValueStore<unknown, unknown>,
  time: EventTime,
  context: StepContext,
): CellExpiry | undefined {
  if (expiry === undefined || ttlMs === undefined) return undefined
  const byTime = context.sortedStore(expiry) as SortedStore<unknown, number, number>
  const operator = new CellExpiry(expiry.name, ttlMs, time, store, byTime)
  context.drive(operator)
  return operator
}

/** Calls back for each record, and passes on what the call emits. Tombstones end here, unless a callback takes them. */
class ProcessOperator extends StreamOperator {
  readonly #step: string
  readonly #scope: ProcessNode['scope']
  readonly #onRecord: OnRecord
  readonly #onTombstone: OnTombstone | undefined
  readonly #call: ProcessCall
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #context: RecordCallContext

  constructor(
    { label, scope, onRecord, onTombstone }: ProcessNode,
    call: ProcessCall,
    time: EventTime,
    record: CurrentRecord,
    context: RecordCallContext,
  ) {
    super()
    this.#step = label
    this.#scope = scope
    this.#onRecord = onRecord as OnRecord
    this.#onTombstone = onTombstone as OnTombstone | undefined
    this.#call = call
    this.#time = time
    this.#record = record
    this.#context = context
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null && this.#onTombstone === undefined) return
    const own = this.#scope === 'task' ? TASK_KEY : key
    requireKey(this.#step, own)
    const call = this.#call
    call.begin(own, timestamp, judgingWatermark(this.#record, this.#time))
    try {
      requireNothing(
        call,
        value === null ? this.#onTombstone?.(key, this.#context) : this.#onRecord(value, key, this.#context),
      )
    } catch (error) {
      throw callbackFailed(this.#step, error)
    } finally {
      call.end()
    }
    call.passOn(this.#record)
  }
}

/** Calls back for each timer that fires: the change of a row that has a key, the timer's name and how it fired. */
class TimerOperator extends TableOperator {
  readonly #step: string
  readonly #scope: ProcessNode['scope']
  readonly #onTimer: Readonly<Record<string, OnTimer>>
  readonly #call: ProcessCall
  readonly #record: CurrentRecord
  readonly #context: TimerCallContext

  constructor(
    { label, scope, onTimer }: ProcessNode,
    call: ProcessCall,
    record: CurrentRecord,
    context: TimerCallContext,
  ) {
    super()
    this.#step = label
    this.#scope = scope
    this.#onTimer = onTimer as Readonly<Record<string, OnTimer>>
    this.#call = call
    this.#record = record
    this.#context = context
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    const onTimer = Object.hasOwn(this.#onTimer, value as string) ? this.#onTimer[value as string] : undefined
    // Another version of the job has set it.
    if (onTimer === undefined) return
    const { watermark, wallTime } = old as FiredTimer
    const call = this.#call
    call.begin(key, timestamp, watermark)
    this.#context.wallTime = wallTime
    try {
      requireNothing(call, this.#scope === 'task' ? onTimer(this.#context) : onTimer(key, this.#context))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    } finally {
      call.end()
    }
    call.passOn(this.#record)
  }
}

/** Callbacks of a step are synchronous. What else they return has no meaning. */
function requireNothing(call: ProcessCall, returned: unknown): void {
  if (!(returned instanceof Promise)) return
  ignoreRejection(returned)
  throw call.error('returned a promise. Callbacks are synchronous, not async')
}
