import { moveCheckpoints } from './move-checkpoints.ts'
import { presentProgress } from './present-progress.ts'
import { requireNoneLost, requireRecognizable } from './records-on-their-way.ts'
import { setBack, whileStopped } from './restore-savepoint.ts'
import { checkSkips, planRewind, type RewindPlan, type RewindRequest, targetOf } from './rewind-plan.ts'
import type { SavepointsOptions } from './savepoints.ts'

/**
 * Rewinds a job that is stopped: it processes its inputs again from a place on, without any state, or with the present one. Its outputs
 * stay, and, unless they are to be repeated, what the job had processed before is not appended to them again. A crash leaves the job as it
 * was, or a rewind that `resumeRestore` finishes. Throws `TOPIC_MISSING` for a job that has never run, `REWIND_REFUSED` for a place
 * that it cannot go to, and `JOB_RUNNING`.
 */
export function rewind(options: SavepointsOptions, request: RewindRequest): Promise<void> {
  const { keepState = false, repeatOutputs = false, to } = request
  return whileStopped(options, async () => {
    const progress = await presentProgress(options)
    if (to.kind === 'start' && !keepState) return setBack(options, { savepoint: null, repeatOutputs })
    const target = await targetOf(options, progress, to)
    const plan = await planRewind(options, progress, target)
    checkSkips(options.job, plan, request.skip ?? false)
    await requireNoneLost(options, progress, plan, keepState)
    if (!keepState) return setBack(options, { savepoint: null, repeatOutputs, target })
    if (!repeatOutputs) requireRecognizable(options.job, progress)
    await moveCheckpoints(options, progress, plan, repeatOutputs)
  })
}

/** What a rewind would do now. Throws what `rewind` would throw, but for what only a stopped job shows. Changes nothing. */
export async function previewRewind(
  options: SavepointsOptions,
  { to, skip = false }: RewindRequest,
): Promise<RewindPlan> {
  const progress = await presentProgress(options)
  const plan = await planRewind(options, progress, await targetOf(options, progress, to))
  checkSkips(options.job, plan, skip)
  return plan
}
