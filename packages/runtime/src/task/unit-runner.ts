import { type Batch, type ErrorPolicy, RecordError } from '@millrace/core'
import type { TableOperator } from '../operators/operator.ts'
import { TopicOpening } from '../operators/outputs/topic-opening.ts'
import type { CurrentRecord } from './current-record.ts'
import type { ErrorPolicyHandler, ResultSource } from './error-policy.ts'
import type { TaskInput } from './input.ts'
import { TaskBlock } from './task-block.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/** A step whose results time emits. */
export interface ResultStep extends ResultSource {
  /** The step whose results they are: it numbers the records of repartition topics that they cause. */
  readonly finals: { outputs: number }
  readonly next: TableOperator
}

/** A result that time emitted. */
interface TimedResult {
  readonly from: ResultStep
  readonly key: unknown
  readonly value: unknown
  readonly old: unknown
  readonly timestamp: number
}

/**
 * Does a task's units, one after the other: a unit that fails is undone, and then the error policy acts. A unit that needs a
 * topic which is not open yet is undone too, and waits; the task is held until the unit is done, so that no other unit
 * begins.
 */
export class UnitRunner {
  readonly #unit: UnitOfWork
  readonly #record: CurrentRecord
  readonly #policy: ErrorPolicyHandler
  #waiting: TaskInput | TimedResult | undefined
  /** The error that passed a boundary between policies last, and the policy of the step that threw it. */
  #failure: { readonly error: unknown; readonly policy: ErrorPolicy } | undefined
  /** Blocks the task while a unit waits. */
  readonly block = new TaskBlock(() => this.#resume())

  constructor(unit: UnitOfWork, record: CurrentRecord, policy: ErrorPolicyHandler) {
    this.#unit = unit
    this.#record = record
    this.#policy = policy
  }

  /** A record that cannot be taken from its input. */
  refused(error: RecordError, batch: Batch): void {
    this.#policy.refused(error, batch)
  }

  /** Processes an input's head, which was consumed. */
  process(input: TaskInput): void {
    if (!this.#process(input, false)) this.#wait(input)
  }

  /** Passes on a result that time emitted. */
  emit(from: ResultStep, key: unknown, value: unknown, old: unknown, timestamp: number): void {
    if (!this.#emit(from, key, value, old, timestamp, false)) this.#wait({ from, key, value, old, timestamp })
  }

  /** An error comes out of steps with this policy. An error passes the boundary that is next to its step first. */
  noteFailure(error: unknown, policy: ErrorPolicy): void {
    if (this.#failure?.error !== error) this.#failure = { error, policy }
  }

  /** The task is closed: the waiting unit is not done any more. */
  stop(): void {
    this.#waiting = undefined
  }

  /** Does the waiting unit again. */
  #resume(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    if ('root' in waiting) {
      if (!this.#process(waiting, true)) this.#wait(waiting)
      return
    }
    const { from, key, value, old, timestamp } = waiting
    if (this.#emit(from, key, value, old, timestamp, true)) from.finals.outputs = this.#record.outputs
    else this.#wait(waiting)
  }

  #wait(waiting: TaskInput | TimedResult): void {
    if (this.#waiting !== undefined) throw new Error('A unit began while another one waits')
    this.#waiting = waiting
  }

  /** The policy of the step that threw an error; undefined if it passed no boundary: then it is that of the unit's first step. */
  #policyFor(error: RecordError): ErrorPolicy | undefined {
    const failure = this.#failure
    this.#failure = undefined
    return failure?.error === error ? failure.policy : undefined
  }

  /** False if the record must wait. */
  #process(input: TaskInput, again: boolean): boolean {
    this.#unit.begin(again)
    try {
      input.root.process(input.key, input.value, input.timestamp)
    } catch (error) {
      this.#unit.undo()
      if (error instanceof TopicOpening) return false
      if (!(error instanceof RecordError)) throw error
      this.#policy.failed(error, input.batch, this.#policyFor(error))
      return true
    }
    this.#unit.end()
    return true
  }

  /** False if the result must wait. */
  #emit(from: ResultStep, key: unknown, value: unknown, old: unknown, timestamp: number, again: boolean): boolean {
    this.#unit.begin(again)
    try {
      from.next.change(key, value, old, timestamp)
    } catch (error) {
      this.#unit.undo()
      if (error instanceof TopicOpening) return false
      if (!(error instanceof RecordError)) throw error
      this.#policy.resultFailed(error, from, { key, value, timestamp }, this.#policyFor(error) ?? from.policy)
      return true
    }
    this.#unit.end()
    return true
  }
}
