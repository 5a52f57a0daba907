import type { JobReport } from '@millrace/core'
import { bytes } from '../terminal/amounts.ts'

/** A job that takes this part of what it may is reported, so that there is time for another limit before it is stopped. */
const WARNED_PART = 0.8

export interface DiskWarning {
  readonly what: string
  readonly advice: string
}

/** What the job takes of the room that it may, for people; undefined if it has no limit. */
export function roomText({ deployment, diskBytes }: Pick<JobReport, 'deployment' | 'diskBytes'>): string | undefined {
  const { diskBytesMax = null } = deployment.release.settings
  if (diskBytesMax === null) return undefined
  return diskBytes === null
    ? `at most ${bytes(diskBytesMax)} on disk`
    : `${bytes(diskBytes)} of ${bytes(diskBytesMax)} on disk`
}

/** What is reported of a job that is near its limit of room, and what to do; undefined if it is not, or has failed. */
export function diskWarning({ deployment, diskBytes, phase }: JobReport): DiskWarning | undefined {
  const { diskBytesMax = null } = deployment.release.settings
  if (diskBytesMax === null || diskBytes === null || phase === 'failed') return undefined
  if (diskBytes < diskBytesMax * WARNED_PART) return undefined
  return {
    what: `it takes ${bytes(diskBytes)} on disk, and is stopped when it takes ${bytes(diskBytesMax)}`,
    advice: 'Deploy it with a larger limit (--disk), or with steps that keep less.',
  }
}
