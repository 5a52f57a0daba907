import { jobBusy } from './refused-changes.ts'
import { withCode } from './system-failure.ts'

/** The operations on one job: one is done at a time. What the system refuses gets a code. */
export class JobOperations {
  readonly #job: string
  #present: string | null = null
  #underWay: Promise<unknown> = Promise.resolve()

  constructor(job: string) {
    this.#job = job
  }

  /** The operation that is under way; null if none is. */
  get present(): string | null {
    return this.#present
  }

  /** Settles when the last operation is over, and never rejects. */
  get underWay(): Promise<unknown> {
    return this.#underWay
  }

  /** Does an operation. Throws `JOB_BUSY` while another one is under way. */
  async run<T>(operation: string, act: () => Promise<T>): Promise<T> {
    if (this.#present !== null) throw jobBusy(this.#job, this.#present)
    this.#present = operation
    const running = act()
    this.#underWay = running.catch(() => undefined)
    try {
      return await running
    } catch (error) {
      throw withCode(this.#job, operation, error)
    } finally {
      this.#present = null
    }
  }
}
