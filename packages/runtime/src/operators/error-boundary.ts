import type { ErrorPolicy } from '@millrace/core'
import type { UnitRunner } from '../task/unit-runner.ts'
import { StreamOperator, TableOperator } from './operator.ts'

/** The way from a step to one with another error policy: notes that policy for what fails behind it. */
export class ErrorBoundary extends StreamOperator {
  readonly #policy: ErrorPolicy
  readonly #units: UnitRunner
  readonly #next: StreamOperator

  constructor(policy: ErrorPolicy, units: UnitRunner, next: StreamOperator) {
    super()
    this.#policy = policy
    this.#units = units
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    try {
      this.#next.process(key, value, timestamp)
    } catch (error) {
      this.#units.noteFailure(error, this.#policy)
      throw error
    }
  }
}

/** As `ErrorBoundary`, for changes of a table. */
export class TableErrorBoundary extends TableOperator {
  readonly #policy: ErrorPolicy
  readonly #units: UnitRunner
  readonly #next: TableOperator

  constructor(policy: ErrorPolicy, units: UnitRunner, next: TableOperator) {
    super()
    this.#policy = policy
    this.#units = units
    this.#next = next
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    try {
      this.#next.change(key, value, old, timestamp)
    } catch (error) {
      this.#units.noteFailure(error, this.#policy)
      throw error
    }
  }
}
