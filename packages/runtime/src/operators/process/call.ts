import { RecordError } from '@millrace/core'
import { describeValue } from '@millrace/core/internal'
import type { StreamOperator } from '../operator.ts'
import { ignoreRejection } from '../returned.ts'

/** A record that a call emits. */
interface Emission {
  readonly to: StreamOperator
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
}

/**
 * One call of a process step's callbacks: what all handles of its context act on. What the call emits is passed on once it has
 * returned, so that an error of a step behind is not one that the callback could catch.
 */
export class ProcessCall {
  readonly step: string
  /** The key of the state that the call is for. */
  key: unknown
  /** Event time of the record or timer. */
  timestamp = 0
  /** The watermark that counts for the call. */
  watermark = 0
  /** Different for every call. */
  number = 0
  #open = false
  #emissions: Emission[] = []

  constructor(step: string) {
    this.step = step
  }

  /** By which state is gone: the later of the call's own time and the watermark. */
  get time(): number {
    return Math.max(this.timestamp, this.watermark)
  }

  begin(key: unknown, timestamp: number, watermark: number): void {
    this.key = key
    this.timestamp = timestamp
    this.watermark = watermark
    this.number++
    this.#open = true
    this.#emissions.length = 0
  }

  /** The callback has returned or thrown. */
  end(): void {
    this.#open = false
  }

  /** Throws if no call is under way: a callback has kept its context. */
  require(): void {
    if (this.#open) return
    throw this.error('used its context after it had returned. State, timers and emit work during the call only')
  }

  emit(to: StreamOperator, key: unknown, value: unknown, timestamp: number): void {
    this.require()
    if (isNothing(value) || isNothing(key)) {
      ignoreRejection(value)
      const what = isNothing(value) ? describeValue(value) : `the key ${describeValue(key)}`
      throw this.error(`emitted ${what}. Emit a key and a value, or null as the value for a deletion`)
    }
    this.#emissions.push({ to, key, value, timestamp })
  }

  /** Passes on what the call has emitted, in its order. Callbacks behind see the time of what is emitted. */
  passOn(record: { timestamp: number }): void {
    const own = record.timestamp
    for (const { to, key, value, timestamp } of this.#emissions) {
      record.timestamp = timestamp
      to.process(key, value, timestamp)
    }
    // If a step behind throws, the whole unit is undone, and the next one has its own time.
    record.timestamp = own
  }

  error(what: string): RecordError {
    return new RecordError('CALLBACK_FAILED', `The callback of ${this.step} ${what}`, { step: this.step })
  }
}

function isNothing(value: unknown): boolean {
  return value === undefined || value instanceof Promise
}
