import type { AsyncContext, Serde } from '@millrace/core'
import { type AsyncNode, jobVersion, type PendingCall, type SortedStore } from '@millrace/core/internal'
import { type EventTime, NO_WATERMARK, type PendingResults } from '../../task/event-time.ts'
import type { OutputFence } from '../../task/output-fence.ts'
import type { SavedCalls } from '../../task/saved-calls.ts'
import type { ResultStep } from '../../task/unit-runner.ts'
import { TotalCopier } from '../aggregates/total-copier.ts'
import { anySerde } from '../any-serde.ts'
import type { StepContext } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import type { CallProgress, ClockedOperator } from '../time/clocked.ts'
import { KeyText } from '../time/key-text.ts'
import { accepted } from './accepted.ts'
import { CallQueue } from './call-queue.ts'
import { FencedCalls } from './fenced-calls.ts'
import type { QueuedCall } from './queued-call.ts'
import { RateLimit } from './rate-limit.ts'
import type { RecordIds } from './record-ids.ts'
import { RemoteLookups } from './remote-lookups.ts'
import { ResultIds } from './result-ids.ts'
import { type CallSettings, Tries } from './tries.ts'

/**
 * So many records wait in a step for each call that may be under way. With results in order, those behind a slow call wait for it,
 * and others must be there to be called meanwhile.
 */
const RECORDS_PER_CALL_MAX = 4

/** The records that wait, by number and in its order. */
export type CallStore = SortedStore<number, PendingCall<unknown, unknown>, number>

/** Where results go: `finals` is the identity of the one that leaves. */
export interface CallResultStep extends ResultStep {
  finals: { outputs: number }
}

type UserCall = (value: unknown, key: unknown, context: AsyncContext) => unknown

/**
 * The records of a step whose calls to the outside world are not done, or whose results have not left it. They are in a store from
 * the record on that brings them, so each commit has them, and waits for no call. The calls are made between the units. A result is
 * kept in memory until the next turn of the step: then it leaves as a separate unit, with the time and the watermark of its record,
 * and the record is deleted in the same commit. What a crash interrupts is called again.
 *
 * A call begins once its record is durable in the log: a record may be read before, and be lost in a power cut.
 *
 * The time behind the step does not pass the watermark of a record that waits. So a result is late for the steps behind only if its
 * record was.
 */
export class PendingCalls implements ClockedOperator {
  readonly name: string
  readonly time: EventTime
  readonly emits = true
  readonly calls: CallProgress
  /** How the time behind the step is held back. */
  readonly held: PendingResults
  readonly #store: CallStore
  readonly #ids: RecordIds
  readonly #context: Pick<StepContext, 'record' | 'clock' | 'units' | 'job' | 'block'>
  readonly #settings: CallSettings
  readonly #fn: UserCall
  readonly #lookups: RemoteLookups | undefined
  readonly #keys: KeyText
  readonly #value: Serde<unknown>
  readonly #copier: TotalCopier
  /** Whether a call that the job had made before it was set back is left out: nothing depends on what it gives. */
  readonly #isEffect: boolean
  readonly #queue: CallQueue
  readonly #underWay = new Set<Tries>()
  /** Records before this number are durable. */
  #securedBefore = 0
  /** Settles when those are durable that have come since; undefined if nothing is being made durable. */
  #securing: Promise<void> | undefined
  /** The numbers of records that have come since the queue was looked at; some may have been undone. */
  #arrived: number[] = []
  /** The number of the next record that the queue does not know. */
  #next = 0
  readonly #resultIds: ResultIds
  readonly #fenced = new FencedCalls()
  /** Set before the first step. */
  #results: CallResultStep | undefined

  constructor(
    { name, label, key, value, gives, fn, lookup, calls: plan }: AsyncNode,
    time: EventTime,
    store: CallStore,
    ids: RecordIds,
    context: StepContext,
  ) {
    this.name = name
    this.time = time
    this.#store = store
    this.#ids = ids
    this.#context = context
    const rate = plan.rate && new RateLimit(plan.rate)
    this.#settings = { step: label, plan, outside: context.outside, rate, accept: accepted(label, gives) }
    this.#isEffect = gives === 'nothing'
    this.#lookups = lookup && new RemoteLookups(label, lookup, context.outside.clock)
    this.#fn = this.#lookups?.call ?? (fn as UserCall)
    this.#value = anySerde(value)
    this.#copier = new TotalCopier(this.#value)
    this.#keys = new KeyText(anySerde(key))
    this.#queue = new CallQueue(plan.order)
    this.#resultIds = new ResultIds(name)
    this.calls = this.#progress()
    this.held = this.#hold()
  }

  /** Where results go. */
  connect(results: CallResultStep): void {
    this.#results = results
  }

  /** A record comes. Its call begins behind its unit, unless that is undone. */
  take(key: unknown, value: unknown, at: number): void {
    const { record, clock } = this.#context
    const { number, origin, index } = this.#ids.take()
    const kept = value === null ? null : storedValue(this.#settings.step, this.#value, value, key)
    const { watermark, inputId, offset, unordered } = record
    const { isRepeat: repeated } = this.#fenced
    const place = { at, watermark, origin, index, inputId, offset, unordered, repeated }
    this.#store.set(this.#store.find(number), { value: { key: key ?? null, value: kept, ...place }, order: number })
    this.#arrived.push(number)
    clock.lookSoon = true
  }

  /** At once if there is anything to do. */
  get dueAt(): number {
    this.#admit()
    return this.#mayCall || this.#queue.hasResult ? NO_WATERMARK : Number.POSITIVE_INFINITY
  }

  step(): number {
    if (!this.#mayCall) this.#emitNext()
    else if (this.#isNextSecured || this.#secure()) {
      const waiting = this.#queue.takeWaiting()
      if (waiting !== undefined) this.#call(waiting)
    }
    return 1
  }

  fence(fence: OutputFence, emitted: readonly unknown[]): void {
    this.#fenced.begin(fence, emitted as readonly SavedCalls[])
  }

  save(): SavedCalls {
    this.#admit()
    return { ...this.#resultIds.save(), ...this.#fenced.save([...this.#queue]) }
  }

  resume(saved: unknown): void {
    const progress = (saved ?? {}) as Partial<SavedCalls>
    this.#resultIds.resume(progress)
    const isSetBack = this.#fenced.resume(progress)
    for (const entry of [...this.#store.inOrder()]) {
      if (entry.value === undefined) continue
      const { value, order } = entry.value
      const call = isSetBack ? { ...value, repeated: true } : value
      if (isSetBack) this.#store.set(entry, { value: call, order })
      this.#add(order, call)
    }
    this.#next = this.#ids.taken
    this.#securedBefore = 0
    this.#securing = undefined
  }

  get #mayCall(): boolean {
    const { nextWaiting } = this.#queue
    if (nextWaiting === undefined || this.#underWay.size >= this.#settings.plan.concurrency) return false
    return this.#securing === undefined || this.#isNextSecured
  }

  get #isNextSecured(): boolean {
    const { nextWaiting } = this.#queue
    return nextWaiting !== undefined && nextWaiting.number < this.#securedBefore
  }

  /** Makes the records durable that have come by now; whether they are at once. What fails stops the task. */
  #secure(): boolean {
    const { block, clock } = this.#context
    const { outside } = this.#settings
    const before = this.#next
    const secured = outside.secure()
    if (secured === undefined) {
      this.#securedBefore = before
      return true
    }
    this.#securing = secured
    const end = (error?: unknown) => {
      // The step was closed meanwhile, and with it what it read from.
      if (this.#securing !== secured) return
      this.#securing = undefined
      if (error === undefined) this.#securedBefore = before
      else block(Promise.reject(error))
      clock.lookSoon = true
      outside.wake()
    }
    secured.then(() => end(), end)
    return false
  }

  /** Takes the records that have come into the queue. */
  #admit(): void {
    if (this.#arrived.length === 0) return
    const arrived = this.#arrived
    this.#arrived = []
    for (const number of arrived) {
      // A record that was undone has given its number to the next one.
      if (number < this.#next) continue
      const { value } = this.#store.find(number)
      if (value === undefined) continue
      this.#next = number + 1
      this.#add(number, value.value)
    }
  }

  /** A deletion needs no call, and neither does an effect that is there. */
  #add(number: number, pending: PendingCall<unknown, unknown>): void {
    const done = pending.value === null || (this.#isEffect && this.#fenced.hadLeft(pending))
    this.#queue.add({ ...pending, number, turn: this.#turnOf(pending), outcome: undefined }, done)
  }

  /** An effect waits for those of its key before it, and a lookup for the answer to the same one. */
  #turnOf({ key, value }: PendingCall<unknown, unknown>): string | undefined {
    if (this.#lookups !== undefined && value !== null) return this.#lookups.turnOf(value, key)
    return this.#settings.plan.sequential && key !== null ? this.#keys.of(key) : undefined
  }

  #call(call: QueuedCall): void {
    const { clock, job } = this.#context
    const { key, value, at: timestamp, origin, index } = call
    const known = this.#lookups?.known(this.#copier.copy(value), key)
    if (known !== undefined) {
      this.#queue.done(call, known)
      return
    }
    // A version of a job that runs beside another one does the same.
    const idempotencyKey = `${jobVersion(job).job}/${this.name}/${origin}/${index}`
    // The callback may change its value in place while it waits.
    const fn: ConstructorParameters<typeof Tries>[1] = (context) => this.#fn(this.#copier.copy(value), key, context)
    const tries = new Tries(this.#settings, fn, { timestamp, idempotencyKey }, (outcome) => {
      this.#underWay.delete(tries)
      this.#queue.done(call, outcome)
      clock.lookSoon = true
      this.#settings.outside.wake()
    })
    this.#underWay.add(tries)
    tries.begin()
  }

  #emitNext(): void {
    const call = this.#queue.takeResult()
    const results = this.#results
    if (call === undefined || results === undefined) return
    const { number, key, value, at, watermark, origin, index, outcome } = call
    // Before the unit of the result: a result that fails has left too.
    this.#store.set(this.#store.find(number), undefined)
    this.#fenced.leave(call)
    const { record, units } = this.#context
    const unordered = call.unordered || this.#settings.plan.order === 'any'
    const result = this.#resultIds.next(call, unordered)
    record.takeResult(at, result.id, result.offset, result.outputs)
    record.watermark = watermark
    record.cause = `${origin}/${index}`
    record.unordered = unordered
    results.finals = result
    try {
      units.emit(results, key, value, outcome, at)
    } finally {
      result.outputs = record.outputs
    }
  }

  #progress(): CallProgress {
    const begun = () => {
      this.#admit()
      return this.#next
    }
    const queue = this.#queue
    const underWay = this.#underWay
    const recordsMax = this.#settings.plan.concurrency * RECORDS_PER_CALL_MAX
    return {
      get begun() {
        return begun()
      },
      get doneBefore() {
        return queue.first ?? begun()
      },
      get full() {
        begun()
        return queue.size >= recordsMax
      },
      stop: () => {
        for (const tries of underWay) tries.stop()
        underWay.clear()
        this.#securing = undefined
      },
    }
  }

  #hold(): PendingResults {
    const admit = () => this.#admit()
    const queue = this.#queue
    return {
      get pendingFrom() {
        admit()
        return queue.watermark
      },
      get dueAt() {
        admit()
        return queue.size > 0 ? NO_WATERMARK : Number.POSITIVE_INFINITY
      },
    }
  }
}
