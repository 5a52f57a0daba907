import type { ContainerState, ContainerSummary, Deployment, JobPhase, JobReport } from '@millrace/core'
import type { NamedSlot } from './job-containers.ts'

/** A report about a job, from its deployment and its containers. */
export function reportOf(
  deployment: Deployment,
  slots: readonly NamedSlot[],
  operation: string | null,
  diskBytes: number | null,
): JobReport {
  const containers = slots.map(({ name, slot }): ContainerSummary => ({ container: name, ...slot.state }))
  return {
    job: deployment.job,
    phase: phaseOf(deployment, containers),
    operation,
    deployment,
    containers,
    lag: sum(containers.map(lagOf)),
    recordsPerSecond: sum(containers.map(({ recordsPerSecond }) => recordsPerSecond)),
    diskBytes,
    error: deployment.error ?? containers.find(({ error }) => error !== null)?.error ?? null,
  }
}

function phaseOf({ desired, trial }: Deployment, containers: readonly ContainerSummary[]): JobPhase {
  if (desired !== 'running') return desired
  if (trial !== null) return 'deploying'
  if (containers.length > 0 && containers.every(({ phase }) => phase === 'running')) return 'running'
  return containers.some(({ phase }) => phase === 'running') ? 'degraded' : 'starting'
}

function lagOf({ status }: ContainerState): number {
  const inputs = status?.tasks.flatMap((task) => task.inputs) ?? []
  return sum(inputs.map(({ offset, endOffset }) => Math.max(0, endOffset - offset)))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
