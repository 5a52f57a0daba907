import { type ErrorPlace, FatalError, FencedError, MillraceError, RefusedError } from '@millrace/core'
import { OPEN_TRANSACTIONS_MAX } from './partition/tail.ts'
import { segmentBase } from './paths.ts'

/** The file system's own code of an error, such as `ENOSPC`. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof MillraceError) return undefined
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** The error for a failed write to a file; Millrace's own errors pass unchanged. */
export function writeFailed(file: string, cause: unknown, place: ErrorPlace = {}): MillraceError {
  if (cause instanceof MillraceError) return cause
  const code = systemCode(cause)
  if (code !== undefined && FULL.has(code)) {
    return new FatalError(
      'LOG_FULL',
      `File ${file} cannot be written: the disk is full (${code}). Nothing that was acknowledged is lost. Free some space, or ` +
        `shorten the retention of topics, and start again`,
      { ...place, file, cause },
    )
  }
  return new FatalError(
    'LOG_WRITE_FAILED',
    `File ${file} cannot be written: ${messageOf(cause)}. Fix the cause, and start again`,
    {
      ...place,
      file,
      cause,
    },
  )
}

/** The error for a failed disk operation, for a caller that did not ask for the write itself; other errors pass unchanged. */
export function diskFailed(file: string, cause: unknown, place: ErrorPlace = {}): unknown {
  return systemCode(cause) === undefined ? cause : writeFailed(file, cause, place)
}

/** A failed sync leaves unknown what reached the disk: it is never tried again. */
export function syncFailed(file: string, cause: unknown): FatalError {
  return new FatalError(
    'LOG_SYNC_FAILED',
    `File ${file} cannot be made durable: ${messageOf(cause)}. Appends since the last flush may be lost. Check the disk, and ` +
      `start again: work continues from the last commit`,
    { file, cause },
  )
}

/** The error for a damaged file, with the command that shows the damage. The file's path shows the place in the log. */
export function logDamaged(file: string, position: number, what: string, place: ErrorPlace = {}): FatalError {
  const [, data, topic, partition, name] = /^(.*)\/topics\/([^/]+)\/(\d+)\/([^/]+)$/.exec(file) ?? []
  const known = {
    ...(topic !== undefined && partition !== undefined && { topic, partition: Number(partition) }),
    ...place,
  }
  const offset = place.offset ?? segmentBase(name ?? '')
  const shows =
    topic === undefined
      ? ''
      : ` "millrace log dump ${topic} ${partition} --offset ${offset ?? 0} --data ${data}" shows what is there.`
  const givesUp =
    topic === undefined
      ? ''
      : `, or give up what cannot be read ("millrace log repair ${topic} ${partition} --data ${data}")`
  return new FatalError(
    'LOG_DAMAGED',
    `File ${file} is damaged at byte ${position}: ${what}${offset === undefined ? '' : ` (offset ${offset})`}. It is not the torn ` +
      `end of an append, so nothing is skipped or repaired.${shows} Restore the file from a copy${givesUp}`,
    { ...known, file },
  )
}

/**
 * The error for files of a data directory that were copied at different moments. `what` describes which of them is further
 * than which.
 */
export function partsDiffer(data: string, part: string, what: string, place: ErrorPlace): RefusedError {
  return new RefusedError(
    'LOG_PARTS_DIFFER',
    `Files of ${data} are not from one moment: ${part} does not fit the rest: ${what}. Some files were copied or restored at ` +
      `another moment, and results would be missing or doubled. Restore the whole directory from one backup. Without one, run ` +
      `"millrace reset" for the jobs that wrote what does not fit, and delete their outputs, to compute everything from scratch`,
    place,
  )
}

export function tooManyTransactions(topic: string, partition: number): RefusedError {
  return new RefusedError(
    'TOO_MANY_TRANSACTIONS',
    `Partition ${topic}/${partition} has ${OPEN_TRANSACTIONS_MAX} open transactions, which is the maximum. Run fewer writers at once`,
    { topic, partition },
  )
}

export function writerFenced(transactionalId: string): FencedError {
  return new FencedError(
    'WRITER_FENCED',
    `Writer ${transactionalId} is fenced: another process opened the same id, or treated this one as dead because it showed no ` +
      `sign of life for too long. What it had not committed is aborted. Open a new writer`,
  )
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
