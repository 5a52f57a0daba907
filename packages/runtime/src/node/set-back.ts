import type { DeploymentAction } from '@millrace/core'
import { type RestoreSavepointOptions, restoreSavepoint, rewindToStart } from '../savepoints/restore-savepoint.ts'
import { requireSavepoint, type SavepointsOptions } from '../savepoints/savepoints.ts'

/** How a job is set back. */
export interface SetBack {
  readonly action: DeploymentAction
  /** What is recorded when it is done. */
  readonly done: DeploymentAction
  /** Where to, for people. */
  readonly place: string
  readonly run: () => Promise<unknown>
}

/** How a job is set back to a savepoint, or to the start of its inputs (null). Throws `SAVEPOINT_MISSING`. */
export function setBackTo(options: SavepointsOptions, savepoint: string | null, how: RestoreSavepointOptions): SetBack {
  if (savepoint === null) {
    const place = 'the start of its inputs'
    return { action: 'rewind', done: 'rewound', place, run: () => rewindToStart(options, how) }
  }
  requireSavepoint(options, savepoint)
  return {
    action: 'restore savepoint',
    done: 'restored savepoint',
    place: `savepoint ${savepoint}`,
    run: () => restoreSavepoint(options, savepoint, how),
  }
}
