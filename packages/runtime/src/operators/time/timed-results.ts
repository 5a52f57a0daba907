import type { ErrorPolicy, Serde } from '@millrace/core'
import type { ResultSource } from '../../task/error-policy.ts'
import type { ResultStep, UnitRunner } from '../../task/unit-runner.ts'
import { TableOperator } from '../operator.ts'

/** Passes on what time emits; each result is a separate unit, under the job's error policy. */
export class TimedResultsOperator extends TableOperator implements ResultStep {
  readonly step: string
  readonly policy: ErrorPolicy
  /** How the results are written if one fails and becomes a dead letter. */
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** The step whose results they are. */
  readonly finals: ResultStep['finals']
  readonly next: TableOperator
  readonly #units: UnitRunner

  constructor(
    { step, policy, key, value }: ResultSource,
    finals: ResultStep['finals'],
    units: UnitRunner,
    next: TableOperator,
  ) {
    super()
    this.step = step
    this.policy = policy
    this.key = key
    this.value = value
    this.finals = finals
    this.#units = units
    this.next = next
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    this.#units.emit(this, key, value, old, timestamp)
  }
}
