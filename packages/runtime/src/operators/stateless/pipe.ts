import { FatalError, RecordError } from '@millrace/core'
import type { PipeNode } from '@millrace/core/internal'
import { type Observable, Subject } from 'rxjs'
import type { UnitOfWork } from '../../task/unit-of-work.ts'
import { StreamOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'

export const compilePipe: CompileStep<PipeNode> = (node, context) => () => [
  new PipeOperator(node.label, node.connect as PipeConnect, context.unit, context.streamAfter(node)),
]

/** The user's operators, from the values that go in to those that come out. */
export type PipeConnect = (source: Observable<unknown>) => Observable<unknown>

/**
 * Runs synchronous RxJS operators over the values. What they emit while a value goes in gets that record's key and time.
 * What they remember is not state: it is lost with the process, and it stays when the record fails in a later step. A unit
 * that is done again gets what they emitted for it the first time, so they see each value once. Tombstones bypass them.
 */
class PipeOperator extends StreamOperator {
  readonly #step: string
  readonly #source = new Subject<unknown>()
  readonly #unit: UnitOfWork
  readonly #next: StreamOperator
  #emitted: unknown[] | undefined
  #ended: FatalError | undefined
  /** What was emitted in the present unit, call by call; the attempt, and how many calls it has made. */
  readonly #calls: (readonly unknown[])[] = []
  #number = 0
  #attempt = 0
  #call = 0

  constructor(step: string, connect: PipeConnect, unit: UnitOfWork, next: StreamOperator) {
    super()
    this.#step = step
    this.#unit = unit
    this.#next = next
    connect(this.#source).subscribe({
      next: (value) => {
        if (this.#emitted !== undefined) this.#emitted.push(value)
        else this.#ended ??= emittedOutside(step)
      },
      // A sequence that has completed emits nothing more: to continue would lose every later record.
      error: (error: unknown) => {
        this.#ended ??= ended(step, `failed: ${String(error)}`, error)
      },
      complete: () => {
        this.#ended ??= ended(
          step,
          'completed, so later records would be lost. Use operators that continue as long as records come',
        )
      },
    })
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) {
      this.#next.process(key, value, timestamp)
      return
    }
    for (const each of this.#valuesOf(value)) {
      if (each === undefined) throw emittedNothing(this.#step)
      this.#next.process(key, each, timestamp)
    }
  }

  #valuesOf(value: unknown): readonly unknown[] {
    const unit = this.#unit
    if (unit.number !== this.#number) this.#calls.length = 0
    if (unit.attempt !== this.#attempt) this.#call = 0
    this.#number = unit.number
    this.#attempt = unit.attempt
    const known = this.#calls[this.#call]
    const values = known ?? this.#run(value)
    this.#calls[this.#call++] = values
    return values
  }

  #run(value: unknown): readonly unknown[] {
    const values: unknown[] = []
    this.#emitted = values
    try {
      this.#source.next(value)
    } finally {
      this.#emitted = undefined
    }
    if (this.#ended !== undefined) throw this.#ended
    return values
  }
}

function ended(step: string, how: string, cause?: unknown): FatalError {
  return new FatalError('PIPE_ENDED', `The operators of ${step} ${how}`, { step, cause })
}

function emittedOutside(step: string): FatalError {
  return new FatalError(
    'PIPE_ASYNC',
    `The operators of ${step} emitted while no record was processed. Use only synchronous operators`,
    { step },
  )
}

function emittedNothing(step: string): RecordError {
  return new RecordError(
    'CALLBACK_FAILED',
    `The operators of ${step} emitted undefined. They must emit a value, or null for a deletion`,
    { step },
  )
}
