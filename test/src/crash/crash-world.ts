import type { Env } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'

/** How the world of a run differs from this machine's. */
export interface WorldOptions {
  /** `jumping`: every look at the wall clock finds it set forward or back by an hour. Default `steady`. */
  readonly clock?: 'steady' | 'jumping'
  /** The name of the machine's boot, where the test has cut the power of a disk and not of the machine. */
  readonly boot?: string | undefined
}

const HOUR_MS = 3_600_000

/** The real disk, timers and randomness, with what `options` change. */
export function crashWorld({ clock = 'steady', boot }: WorldOptions): Env {
  const env = nodeEnv()
  let looks = 0
  const jumping = {
    now: () => env.clock.now() + ((looks++ % 3) - 1) * HOUR_MS,
    monotonic: () => env.clock.monotonic(),
  }
  return {
    ...env,
    clock: clock === 'jumping' ? jumping : env.clock,
    files: boot === undefined ? env.files : { ...env.files, boot },
  }
}
