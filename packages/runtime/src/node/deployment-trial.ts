import type { Deployment, DeploymentTrial, Release, StatedError } from '@millrace/core'

/** A deploy that begins. */
export interface BegunDeploy {
  readonly job: string
  readonly release: Release
  readonly acceptLoss: readonly string[]
  /** Taken before it, if the job has run. */
  readonly savepoint: string | undefined
  /** What is deployed until now, if anything. */
  readonly before: Deployment | undefined
}

/** The deployment while a deploy is under way. */
export function trialOf({ job, release, acceptLoss, savepoint, before }: BegunDeploy): Deployment {
  return {
    job,
    revision: (before?.revision ?? 0) + 1,
    release,
    previous: before?.release ?? null,
    desired: 'running',
    trial: { acceptLoss, ...returnsOf(before) },
    ...(savepoint !== undefined && { savepoint }),
    error: null,
  }
}

function returnsOf(before: Deployment | undefined): Pick<DeploymentTrial, 'before'> {
  if (before === undefined || before.previous === null) return {}
  const { previous, savepoint } = before
  return { before: { previous, ...(savepoint !== undefined && { savepoint }) } }
}

/** What was deployed before a deploy that is under way; undefined if nothing was. */
export function withoutDeploy({ savepoint: _, trial, previous, ...deploy }: Deployment): Deployment | undefined {
  if (previous === null) return undefined
  const { before } = trial ?? {}
  return {
    ...deploy,
    revision: deploy.revision + 1,
    release: previous,
    previous: before?.previous ?? null,
    ...(before?.savepoint !== undefined && { savepoint: before.savepoint }),
    trial: null,
  }
}

/** A deployment that must return to a savepoint before it starts again, since the return has failed. */
export function withReturn(deployment: Deployment, savepoint: string | undefined, error: StatedError): Deployment {
  return { ...deployment, desired: 'failed', error, ...(savepoint !== undefined && { returnTo: savepoint }) }
}
