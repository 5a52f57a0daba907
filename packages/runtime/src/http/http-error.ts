import type { ErrorCode } from '@millrace/core'
import { MillraceError } from '@millrace/core'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** The status for each code that a request can get. */
const STATUSES: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  BAD_REQUEST: 400,
  BAD_POSITION: 400,
  BAD_INPUT: 400,
  ARTEFACT_DAMAGED: 400,
  ARTEFACT_VERSION: 400,
  TOKEN_REFUSED: 401,
  HOST_REFUSED: 403,
  ORIGIN_REFUSED: 403,
  PATH_MISSING: 404,
  VIEW_MISSING: 404,
  VALUE_MISSING: 404,
  JOB_MISSING: 404,
  ARTEFACT_MISSING: 404,
  SAVEPOINT_MISSING: 404,
  JOB_NOT_RUNNING: 404,
  METHOD_REFUSED: 405,
  JOB_BUSY: 409,
  DEPLOY_FAILED: 409,
  PACKAGE_MISSING: 409,
  JOB_FILE_BROKEN: 409,
  REWIND_REFUSED: 409,
  SAVEPOINT_EXISTS: 409,
  ARTEFACT_TOO_LARGE: 413,
  TOO_MANY_FAILURES: 429,
  VIEW_INCOMPLETE: 503,
  TOO_MANY_STREAMS: 503,
  TOO_MANY_UPLOADS: 503,
  TOO_MANY_QUERIES: 503,
  SERVER_CLOSING: 503,
  SERVER_UNREACHABLE: 503,
  STATE_DAMAGED: 503,
  POSITION_NOT_REACHED: 504,
}

/** The body of every answer that is not 200. */
export interface ErrorBody {
  readonly code: ErrorCode
  readonly message: string
  /** What the view reflects now, if the request was about that. */
  readonly position?: string
  /** The parts that were queried, if the request was about those of one process. */
  readonly parts?: readonly number[]
  /** The position from which the view counts, if that is not the start of its inputs. */
  readonly completeFrom?: string
}

export function statusOf(code: ErrorCode): ContentfulStatusCode {
  return STATUSES[code] ?? 500
}

/** Any error as a body; an error that is not Millrace's own is reported as a fault of this server. */
export function errorBody(error: unknown): ErrorBody {
  if (error instanceof MillraceError) return { code: error.code, message: error.message }
  const reason = error instanceof Error ? error.message : String(error)
  return { code: 'QUERY_FAILED', message: `The query failed: ${reason}` }
}
