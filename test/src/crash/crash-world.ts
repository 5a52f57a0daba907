import type { Env } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'

/** How the world of a run differs from this machine. */
export interface WorldOptions {
  /** `jumping`: at every read, the wall clock has moved forward or back by an hour. Default `steady`. */
  readonly clock?: 'steady' | 'jumping'
  /** The name of the machine's boot, for a test that cuts the power of a disk and not of the machine. */
  readonly boot?: string | undefined
  /** Random names are the same in every run with the same number. Default: unique names. */
  readonly names?: number | undefined
}

const HOUR_MS = 3_600_000

/** The real disk, timers and randomness, with the changes of `options`. */
export function crashWorld({ clock = 'steady', boot, names }: WorldOptions): Env {
  const env = nodeEnv()
  let looks = 0
  const jumping = {
    now: () => env.clock.now() + ((looks++ % 3) - 1) * HOUR_MS,
    monotonic: () => env.clock.monotonic(),
  }
  return {
    ...env,
    clock: clock === 'jumping' ? jumping : env.clock,
    random: names === undefined ? env.random : { ...env.random, uuid: numbered(names) },
    files: boot === undefined ? env.files : { ...env.files, boot },
  }
}

function numbered(names: number): () => string {
  let last = 0
  return () => `${hex(names, 8)}-0000-4000-8000-${hex(++last, 12)}`
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
