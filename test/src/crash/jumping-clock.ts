import type { Env } from '@millrace/core'

const HOUR_MS = 3_600_000

/** The same world, but every look at the wall clock finds it set forward or back by an hour. */
export function withJumpingClock(env: Env): Env {
  let looks = 0
  return {
    ...env,
    clock: {
      now: () => env.clock.now() + ((looks++ % 3) - 1) * HOUR_MS,
      monotonic: () => env.clock.monotonic(),
    },
  }
}
