import type { Clock } from '@millrace/core'
import { TOKEN_FAILURE_WINDOW_MS, TOKEN_FAILURES_MAX, TOKEN_FAILURES_PER_ADDRESS_MAX } from './limits.ts'
import { networkOf } from './network-of.ts'

/**
 * Counts requests with a wrong token, of each address and of all, in windows of `TOKEN_FAILURE_WINDOW_MS`. It remembers at most
 * `TOKEN_FAILURES_MAX` addresses: what comes after so many failures is not counted.
 */
export class TokenFailures {
  readonly #clock: Clock
  readonly #ofAddress = new Map<string, number>()
  #all = 0
  #windowEndMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts a failure. Returns 0, or after how many seconds the next try counts as the first, if there are too many. */
  count(address: string): number {
    const nowMs = this.#clock.monotonic()
    if (nowMs >= this.#windowEndMs) {
      this.#ofAddress.clear()
      this.#all = 0
      this.#windowEndMs = nowMs + TOKEN_FAILURE_WINDOW_MS
    }
    const waitS = Math.ceil((this.#windowEndMs - nowMs) / 1000)
    if (this.#all >= TOKEN_FAILURES_MAX) return waitS
    const network = networkOf(address)
    const failures = (this.#ofAddress.get(network) ?? 0) + 1
    if (failures > TOKEN_FAILURES_PER_ADDRESS_MAX) return waitS
    this.#all++
    this.#ofAddress.set(network, failures)
    return 0
  }
}
