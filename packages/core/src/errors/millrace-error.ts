import type { ErrorCode } from './codes.ts'

/** What the error happened to. Only what is known is set. */
export interface ErrorPlace {
  readonly job?: string
  readonly task?: string
  readonly topic?: string
  readonly partition?: number
  readonly offset?: number
  readonly step?: string
  readonly store?: string
  readonly file?: string
}

export interface ErrorDetails extends ErrorPlace {
  readonly cause?: unknown
}

/**
 * Every error that Millrace itself throws. The message describes what happened, to what, and what to do about it. `code` is
 * stable and is listed in `docs/errors.md`. The subclass shows what the system does next.
 */
export abstract class MillraceError extends Error {
  readonly code: ErrorCode
  readonly place: ErrorPlace

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const { cause, ...place } = details
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.place = place
  }
}

/** The request or the start is refused; nothing was changed. */
export class RefusedError extends MillraceError {}

/** One record cannot be processed: the error policy decides (fail, skip, dead letter). */
export class RecordError extends MillraceError {}

/** A passing fault: retried within a budget. */
export class RetriableError extends MillraceError {}

/** Another owner took over: this one stops. */
export class FencedError extends MillraceError {}

/** Local state cannot be trusted: it is rebuilt from the changelog. */
export class StateDamagedError extends MillraceError {}

/** The process cannot continue: it stops, and the next start continues from the last commit. */
export class FatalError extends MillraceError {}
