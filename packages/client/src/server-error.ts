import {
  ERROR_CODES,
  type ErrorCode,
  errorWithCode,
  type MillraceError,
  RefusedError,
  RetriableError,
} from '@millrace/core'

/** The error in a server's body. A body without one gives `BAD_ANSWER`, or `SERVER_UNREACHABLE` if it is from a gateway. */
export function serverError(url: string, status: number, body: unknown): MillraceError {
  if (isErrorBody(body)) return errorWithCode(body.code, body.message)
  if (status >= 502 && status <= 504) {
    return new RetriableError(
      'SERVER_UNREACHABLE',
      `The gateway at ${url} answered ${status}: it cannot reach the job. Start the job, or correct the URL`,
    )
  }
  return badAnswer(url, `its answer (status ${status}) has an unknown form`)
}

/** The server at the URL does not speak Millrace's protocol. */
export function badAnswer(url: string, reason: string, cause?: unknown): RefusedError {
  return new RefusedError(
    'BAD_ANSWER',
    `The answer from ${url} is not from a Millrace server: ${reason}. Check the URL`,
    { cause },
  )
}

/** No server answers at the URL. */
export function unreachable(url: string, cause: unknown): RetriableError {
  return new RetriableError('SERVER_UNREACHABLE', `Nothing answers at ${url}. Start the job, or correct the URL`, {
    cause,
  })
}

function isErrorBody(body: unknown): body is { code: ErrorCode; message: string } {
  return (
    typeof body === 'object' &&
    body !== null &&
    'code' in body &&
    typeof body.code === 'string' &&
    Object.hasOwn(ERROR_CODES, body.code) &&
    'message' in body &&
    typeof body.message === 'string'
  )
}
