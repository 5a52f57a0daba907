import { type Deployment, RefusedError, RetriableError } from '@millrace/core'
import { statedError } from './stated-error.ts'

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

/** The error for a change that has failed and is undone. `desired`: what is desired of the job now; undefined if it is not deployed. */
export function changeUndone(job: string, cause: unknown, desired: Deployment['desired'] | undefined): RefusedError {
  const now = desired === undefined ? 'It is not deployed' : `What ran before is ${desired} again`
  return new RefusedError('DEPLOY_FAILED', `${statedError(cause).message}. ${now}`, { job, cause })
}
