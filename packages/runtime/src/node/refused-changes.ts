import { RefusedError, RetriableError } from '@millrace/core'

/** The error for a change of a job while another one is under way. */
export function jobBusy(job: string, operation: string): RefusedError {
  return new RefusedError(
    'JOB_BUSY',
    `Job ${job} cannot be changed now, because another change (${operation}) is under way. Wait until it is done`,
    { job },
  )
}

/** The error for a change while the node ends. */
export function nodeClosing(): RetriableError {
  return new RetriableError('SERVER_CLOSING', 'The node is stopping. Retry when it runs again')
}
