import { StreamOperator, TableOperator } from './operator.ts'

/** Passes every record to several steps, in the order in which the job names them. */
export class FanOutOperator extends StreamOperator {
  readonly #targets: readonly StreamOperator[]

  constructor(targets: readonly StreamOperator[]) {
    super()
    this.#targets = targets
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    for (const target of this.#targets) target.process(key, value, timestamp)
  }
}

/** Passes every change to several steps. */
export class TableFanOutOperator extends TableOperator {
  readonly #targets: readonly TableOperator[]

  constructor(targets: readonly TableOperator[]) {
    super()
    this.#targets = targets
  }

  change(key: unknown, value: unknown, old: unknown, timestamp: number): void {
    for (const target of this.#targets) target.change(key, value, old, timestamp)
  }
}
