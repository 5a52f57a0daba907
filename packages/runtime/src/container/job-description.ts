import { createHash } from 'node:crypto'
import { describe } from '@millrace/core'
import { type Job, jobMeaning, type Topology, toTopology } from '@millrace/core/internal'
import type { Guarantee } from '../task/outputs.ts'

/** 16 hexadecimal digits are 64 bits: of 2^64 pairs of different jobs, one pair is taken for the same job. */
const DESCRIPTION_LENGTH = 16

/**
 * A short description of what runs: a hash of the job's graph, of how it takes event times, of what determines each store,
 * of the guarantee, and of whether it closes windows at its end. Equal for the same plan in every process, whatever its functions' text.
 */
export function descriptionOf(job: Job, topology: Topology, guarantee: Guarantee, closeWindows: boolean): string {
  return shortHash([...planOf(job, topology), guarantee, ...(closeWindows ? ['close windows'] : [])])
}

/** As `descriptionOf`, without the guarantee, which is chosen when the job starts. */
export function planHash(job: Job): string {
  return shortHash(planOf(job, toTopology(job)))
}

function planOf(job: Job, topology: Topology): readonly unknown[] {
  return [describe(job, 'json'), jobMeaning(topology)]
}

function shortHash(content: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, DESCRIPTION_LENGTH)
}
