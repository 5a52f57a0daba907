import { RefusedError } from '@millrace/core'

/** The error for an artefact that is not as it was made. `place` names the artefact. */
export function damagedArtefact(place: string, what: string): RefusedError {
  return new RefusedError('ARTEFACT_DAMAGED', `${place} is damaged: ${what}. Deploy the job again`)
}
