import { type AsyncContext, RecordError, type Timer } from '@millrace/core'
import { type CallPlan, durationText } from '@millrace/core/internal'
import type { Outside } from '../../task/outside.ts'
import type { RateLimit } from './rate-limit.ts'

/** What a call gave: a result, null for a deletion; or why it failed, after all of its tries. */
export type Outcome = { readonly result: unknown } | { readonly error: RecordError }

/** What the calls of a step have in common. */
export interface CallSettings {
  readonly step: string
  readonly plan: CallPlan
  readonly outside: Outside
  readonly rate: RateLimit | undefined
  /** What a call may give. Throws for anything else: another try would give the same. */
  readonly accept: (result: unknown) => unknown
}

/** What is called, for one record, at each try. */
export type CallOfRecord = (context: AsyncContext) => unknown

/** What the context of a call has of the record. */
type CalledRecord = Pick<AsyncContext, 'timestamp' | 'idempotencyKey'>

/** One call to the outside world: its tries, one after the other, until one succeeds or no more are allowed. */
export class Tries {
  readonly #settings: CallSettings
  readonly #fn: CallOfRecord
  readonly #record: CalledRecord
  readonly #done: (outcome: Outcome) => void
  #begunMs: number | undefined
  #attempt = 0
  /** Of the try that is under way, or of a wait for the next one. */
  #timer: Timer | undefined
  /** The try that is under way: what another one gives is too late. */
  #abort: AbortController | undefined

  /** `done` is called once, never within `begin`; and not at all if the call is given up before. */
  constructor(settings: CallSettings, fn: CallOfRecord, record: CalledRecord, done: (outcome: Outcome) => void) {
    this.#settings = settings
    this.#fn = fn
    this.#record = record
    this.#done = done
  }

  /** Begins the first try, or the next one, as soon as the rate allows. */
  begin(): void {
    const { step, plan, outside, rate } = this.#settings
    const waitMs = rate?.take(outside.clock.monotonic()) ?? 0
    if (waitMs > 0) {
      this.#timer = outside.timers.after(waitMs, () => this.begin())
      return
    }
    const { timestamp, idempotencyKey } = this.#record
    this.#begunMs ??= outside.clock.monotonic()
    const abort = new AbortController()
    this.#abort = abort
    this.#timer = outside.timers.after(plan.timeoutMs, () => this.#fail(abort, new TimedOut(step, plan.timeoutMs)))
    const context = { timestamp, idempotencyKey, attempt: ++this.#attempt, signal: abort.signal }
    // A callback that throws before it waits fails as one that rejects.
    new Promise((resolve) => resolve(this.#fn(context))).then(
      (result) => this.#succeed(abort, result),
      (error: unknown) => this.#fail(abort, error),
    )
  }

  /** Gives up: nothing is called any more. */
  stop(): void {
    const abort = this.#abort
    this.#end()
    abort?.abort(new Error(`The task of ${this.#settings.step} is closed`))
  }

  #succeed(abort: AbortController, result: unknown): void {
    if (abort !== this.#abort) return
    this.#end()
    let outcome: Outcome
    try {
      outcome = { result: this.#settings.accept(result) }
    } catch (error) {
      outcome = { error: this.#failure(error) }
    }
    this.#done(outcome)
  }

  #fail(abort: AbortController, error: unknown): void {
    if (abort !== this.#abort) return
    this.#end()
    abort.abort(error)
    const waitMs = this.#waitMs()
    if (waitMs === undefined) this.#done({ error: this.#failure(error) })
    else this.#timer = this.#settings.outside.timers.after(waitMs, () => this.begin())
  }

  /** The present try, or the wait for the next one, is over. */
  #end(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#abort = undefined
  }

  /** How long to wait before another try; undefined if no more are allowed. */
  #waitMs(): number | undefined {
    const { plan, outside } = this.#settings
    const failed = this.#attempt
    if (failed > plan.retries) return undefined
    // Half of it at random: callers that failed together do not come back together.
    const waitMs = Math.min(plan.backoffMs * 2 ** (failed - 1), plan.backoffMaxMs) * (0.5 + outside.random.next() / 2)
    const sinceMs = outside.clock.monotonic() - (this.#begunMs ?? 0)
    return sinceMs + waitMs > plan.budgetMs ? undefined : waitMs
  }

  #failure(cause: unknown): RecordError {
    if (cause instanceof RecordError && this.#attempt === 1) return cause
    const { step } = this.#settings
    const tries = this.#attempt === 1 ? '' : `. It was the last of ${this.#attempt} tries`
    if (cause instanceof TimedOut) return new RecordError('CALL_TIMED_OUT', `${cause.message}${tries}`, { step })
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new RecordError('CALLBACK_FAILED', `The call of ${step} failed: ${reason}${tries}`, { step, cause })
  }
}

/** A try has taken too long. */
class TimedOut extends Error {
  constructor(step: string, timeoutMs: number) {
    super(`The call of ${step} did not end within ${durationText(timeoutMs)}, its timeout`)
  }
}
