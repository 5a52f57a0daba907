import type { Clock } from '@millrace/core'

/** Who looks so much later than he last did was stopped himself, and what he remembers of others is no evidence. */
const LATE_LOOK_MS = 1000

interface LifeSign {
  readonly beat: number
  readonly sinceMs: number
}

/** What a member remembers of the others' heartbeats. Only its own monotonic clock counts: wall clocks jump. */
export class LifeSigns {
  readonly #clock: Clock
  readonly #heartbeatOf: (member: string) => number | undefined
  readonly #sessionTimeoutMs: number
  readonly #seen = new Map<string, LifeSign>()
  #lookedAtMs: number

  /** `heartbeatOf` gives a member's last heartbeat, and undefined where it is dead. */
  constructor(clock: Clock, heartbeatOf: (member: string) => number | undefined, sessionTimeoutMs: number) {
    this.#clock = clock
    this.#heartbeatOf = heartbeatOf
    this.#sessionTimeoutMs = sessionTimeoutMs
    this.#lookedAtMs = clock.monotonic()
  }

  /** Looks at members: gives those who are dead, or were silent for longer than the session's time. */
  gone(members: readonly string[]): string[] {
    const now = this.#clock.monotonic()
    if (now - this.#lookedAtMs > Math.min(LATE_LOOK_MS, this.#sessionTimeoutMs / 2)) this.#seen.clear()
    this.#lookedAtMs = now
    return members.filter((member) => {
      const beat = this.#heartbeatOf(member)
      if (beat === undefined) return true
      const seen = this.#seen.get(member)
      if (seen?.beat === beat) return now - seen.sinceMs > this.#sessionTimeoutMs
      this.#seen.set(member, { beat, sinceMs: now })
      return false
    })
  }
}
