import { FatalError } from '@millrace/core'
import { type Observable, Subject } from 'rxjs'
import { callbackFailed, StreamOperator } from './operator.ts'

/** The user's operators, from the values that go in to those that come out. */
export type PipeConnect = (source: Observable<unknown>) => Observable<unknown>

/**
 * Runs synchronous RxJS operators over the values. What they emit while a value goes in gets that record's key and
 * time. What they remember is not state: it is lost with the process. Tombstones pass around them.
 */
export class PipeOperator extends StreamOperator {
  readonly #step: string
  readonly #source = new Subject<unknown>()
  readonly #next: StreamOperator
  #inside = false
  #key: unknown
  #timestamp = 0
  #error: unknown

  constructor(step: string, connect: PipeConnect, next: StreamOperator) {
    super()
    this.#step = step
    this.#next = next
    connect(this.#source).subscribe({
      next: (value) => this.#emit(value),
      error: (error: unknown) => {
        // An RxJS sequence that failed emits nothing more: to go on would lose every later record.
        this.#error = new FatalError('PIPE_ENDED', `The operators of ${step} failed: ${String(error)}`, {
          step,
          cause: error,
        })
      },
      complete: () => {
        this.#error = new FatalError(
          'PIPE_ENDED',
          `The operators of ${step} completed: records after it would be lost`,
          {
            step,
          },
        )
      },
    })
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) {
      this.#next.process(key, value, timestamp)
      return
    }
    this.#key = key
    this.#timestamp = timestamp
    this.#inside = true
    try {
      this.#source.next(value)
    } finally {
      this.#inside = false
    }
    if (this.#error !== undefined) throw callbackFailed(this.#step, this.#error)
  }

  #emit(value: unknown): void {
    if (!this.#inside) {
      this.#error = new FatalError(
        'PIPE_ASYNC',
        `The operators of ${this.#step} emitted outside of a record: only synchronous operators can stand in a job`,
        { step: this.#step },
      )
      return
    }
    try {
      this.#next.process(this.#key, value, this.#timestamp)
    } catch (error) {
      // RxJS would report this out of band; it belongs to the record.
      this.#error ??= error
    }
  }
}
