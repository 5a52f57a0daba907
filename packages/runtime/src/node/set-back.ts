import type { DeploymentAction } from '@millrace/core'
import { type RestoreSavepointOptions, restoreSavepoint } from '../savepoints/restore-savepoint.ts'
import { previewRewind, rewind } from '../savepoints/rewind.ts'
import type { RewindRequest } from '../savepoints/rewind-plan.ts'
import { rewindSteps } from '../savepoints/rewind-steps.ts'
import { requireSavepoint, type SavepointsOptions } from '../savepoints/savepoints.ts'

/** Where a job is set back to: a savepoint, or a place in its inputs. */
export type SetBackPlace = ({ readonly savepoint: string } & RestoreSavepointOptions) | RewindRequest

/** How a job is set back. */
export interface SetBack {
  readonly action: DeploymentAction
  /** What is recorded when it is done. */
  readonly done: DeploymentAction
  readonly savepoint?: string
  readonly run: () => Promise<void>
}

/**
 * How a job is set back to a place. What that means is reported beforehand. Throws what the set-back would throw, as far as that is known
 * while the job runs.
 */
export async function setBackTo(
  options: SavepointsOptions,
  place: SetBackPlace,
  onProgress: (text: string) => void,
): Promise<SetBack> {
  if ('to' in place) {
    for (const step of rewindSteps(await previewRewind(options, place), place)) onProgress(step)
    const run = () => {
      onProgress(`Sets the job back to ${place.to.kind === 'start' ? 'the start of its inputs' : 'this place'}`)
      return rewind(options, place)
    }
    return { action: 'rewind', done: 'rewound', run }
  }
  const { savepoint } = place
  requireSavepoint(options, savepoint)
  const run = async () => {
    onProgress(`Sets the job back to savepoint ${savepoint}`)
    await restoreSavepoint(options, savepoint, place)
  }
  return { action: 'restore savepoint', done: 'restored savepoint', savepoint, run }
}
