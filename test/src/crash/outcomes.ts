import type { CheckResult } from './check.ts'

/** Counts the outcome of each fault, and collects the violations. */
export class Outcomes {
  readonly violations: string[] = []
  readonly #what: string
  readonly #counts = new Map<string, number>()
  #faults = 0

  constructor(what: string) {
    this.#what = what
  }

  /** Counts one more fault. */
  tried(): void {
    this.#faults++
  }

  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  violation(where: string, what: string): void {
    this.violations.push(`${where}: ${what}`)
  }

  /** Judges the data after a fault: it must match the oracle, or be refused with one of these codes. */
  classify(where: string, { differences, refusal, message }: CheckResult, accepted: readonly string[] = []): void {
    for (const difference of differences) this.violation(where, difference)
    if (refusal === undefined) return
    if (accepted.includes(refusal)) this.count(`refused with ${refusal}`)
    else this.violation(where, `refused with ${refusal}: ${message}`)
  }

  /** How often an outcome was counted. */
  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  get faults(): number {
    return this.#faults
  }

  /** One line with all counts. */
  report(): void {
    const counts = [...this.#counts].sort().map(([name, count]) => `${name} ${count}`)
    console.log([`${this.#what}: ${this.#faults}`, ...counts, `violations ${this.violations.length}`].join('; '))
  }
}
