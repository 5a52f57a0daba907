import type { Env } from '@millrace/core'

/** Drawn from 2^52: two equal ids are as likely as an unnoticed error of a disk. */
const PRODUCER_IDS = 2 ** 52

/** An id that no producer has had. */
export function newProducerId(env: Env): number {
  return 1 + Math.floor(env.random.next() * PRODUCER_IDS)
}
