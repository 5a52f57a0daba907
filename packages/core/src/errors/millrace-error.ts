import { ERROR_CODES, type ErrorCode, type ErrorCodeOf, type ErrorConsequence } from './codes.ts'

/** What the error happened to. Only what is known is set. */
export interface ErrorPlace {
  readonly job?: string
  /** `<subtopology>-<partition>` */
  readonly task?: string
  readonly topic?: string
  readonly partition?: number
  readonly offset?: number
  readonly step?: string
  readonly store?: string
  /** The path of a file or directory. */
  readonly file?: string
}

/** The place of an error, and the error that caused it. */
export interface ErrorDetails extends ErrorPlace {
  readonly cause?: unknown
}

/**
 * Every error that Millrace itself throws. The message describes what happened, to what, and what to do about it. `code` is
 * stable and is listed in `docs/errors.md`. It determines the subclass, which shows what the system does next.
 */
export abstract class MillraceError extends Error {
  /** Stable: programs may compare it. */
  readonly code: ErrorCode
  /** What the error happened to. */
  readonly place: ErrorPlace

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const { cause, ...place } = details
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.place = place
  }
}

/** Accepts the codes of one consequence, so that a wrong pair of class and code does not compile. */
abstract class ErrorWith<Consequence extends ErrorConsequence> extends MillraceError {
  declare readonly code: ErrorCodeOf<Consequence>

  constructor(code: ErrorCodeOf<Consequence>, message: string, details?: ErrorDetails) {
    super(code, message, details)
  }
}

/** The request or the start is refused; nothing was changed. */
export class RefusedError extends ErrorWith<'refused'> {}

/** One record cannot be processed: the error policy decides (fail, skip, dead letter). */
export class RecordError extends ErrorWith<'record'> {}

/** A passing fault: retried within a budget. */
export class RetriableError extends ErrorWith<'retry'> {}

/** Another owner took over: this one stops. */
export class FencedError extends ErrorWith<'fenced'> {}

/** Local state cannot be trusted: it is rebuilt from the changelog. */
export class StateDamagedError extends ErrorWith<'rebuild'> {}

/** The process cannot continue: it stops, and the next start continues from the last commit. */
export class FatalError extends ErrorWith<'fatal'> {}

/** The error of a code that is known only when the program runs, such as that in a server's answer: its class follows from it. */
export function errorWithCode(code: ErrorCode, message: string, details?: ErrorDetails): MillraceError {
  if (leadsTo(code, 'refused')) return new RefusedError(code, message, details)
  if (leadsTo(code, 'record')) return new RecordError(code, message, details)
  if (leadsTo(code, 'retry')) return new RetriableError(code, message, details)
  if (leadsTo(code, 'fenced')) return new FencedError(code, message, details)
  if (leadsTo(code, 'rebuild')) return new StateDamagedError(code, message, details)
  return new FatalError(code, message, details)
}

function leadsTo<Consequence extends ErrorConsequence>(
  code: ErrorCode,
  consequence: Consequence,
): code is ErrorCodeOf<Consequence> {
  return ERROR_CODES[code] === consequence
}
