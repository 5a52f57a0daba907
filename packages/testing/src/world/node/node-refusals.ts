import { type ErrorCode, MillraceError } from '@millrace/core'

/** The codes with which a node or a container may refuse a change after a fault. */
const REFUSED_AMID_FAULTS: readonly ErrorCode[] = [
  'DEPLOY_FAILED',
  'DRAIN_FAILED',
  'JOB_RUNNING',
  'JOB_CHANGED',
  'JOB_BUSY',
  'SYSTEM_CALL_FAILED',
  'STORE_CHANGED',
]

/** Whether an error is one that a fault justifies, which may be over by now. */
export function isRefusedAmidFaults(error: unknown): boolean {
  return error instanceof MillraceError && REFUSED_AMID_FAULTS.includes(error.code)
}
