import { createHash } from 'node:crypto'
import { describe } from '@millrace/core'
import { type Job, jobMeaning, type Topology } from '@millrace/core/internal'

/** 16 hexadecimal digits are 64 bits: of 2^64 pairs of different jobs one passes for the same. */
const DESCRIPTION_LENGTH = 16

/**
 * What a job is, in short: a hash of its graph and of what determines each store. Equal for the same plan in every
 * process, whatever its functions' text.
 */
export function descriptionOf(job: Job, topology: Topology): string {
  const text = JSON.stringify([describe(job, 'json'), jobMeaning(topology)])
  return createHash('sha256').update(text).digest('hex').slice(0, DESCRIPTION_LENGTH)
}
