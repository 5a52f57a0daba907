import { type DiskSpace, type Env, FatalError } from '@millrace/core'

/** The part of a disk that producers leave to the commits of jobs, if that is less than `RESERVE_BYTES_MAX`. */
const RESERVE_PART = 0.01
/** 64 MiB: several hundred commits of a busy job, which end what it has begun and state that the disk is full. */
const RESERVE_BYTES_MAX = 64 * 1024 * 1024

/** How much room of a disk is left to the commits of jobs, bytes. */
export function reservedBytes({ totalBytes }: Pick<DiskSpace, 'totalBytes'>): number {
  return Math.min(RESERVE_BYTES_MAX, totalBytes * RESERVE_PART)
}

/**
 * Throws `LOG_FULL` if the disk of a data directory has so little room left that producers must stop: what is left is for the
 * commits of jobs, so that they can process what is there.
 */
export function checkReserve({ files }: Pick<Env, 'files'>, data: string): void {
  const space = files.space(data)
  if (space === undefined) return
  const reserve = reservedBytes(space)
  if (space.freeBytes >= reserve) return
  throw new FatalError(
    'LOG_FULL',
    `The disk of ${data} is nearly full: ${Math.floor(space.freeBytes / 1024)} KiB are free, and the last ` +
      `${Math.ceil(reserve / 1024)} KiB are for the commits of jobs. Nothing that was acknowledged is lost. Free some space, or ` +
      'shorten the retention of topics, and append again',
    { file: data },
  )
}
