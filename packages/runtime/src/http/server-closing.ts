import { RetriableError } from '@millrace/core'

/** The answer to every request that the closing of the server interrupts. */
export function serverClosing(): RetriableError {
  return new RetriableError('SERVER_CLOSING', 'The job is stopping. Retry when it runs again')
}
