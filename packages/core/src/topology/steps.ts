import type { ErrorPolicies, ErrorPolicy } from '../plan/error-policies.ts'
import type { PlanNode } from '../plan/node.ts'
import type { Topology } from './topology.ts'

/** Every step that the outputs are computed from, each once, after all that feed it; always in the same order. */
export function stepsOf(outputs: readonly PlanNode[]): readonly PlanNode[] {
  const steps = new Set<PlanNode>()
  const visit = (node: PlanNode) => {
    if (steps.has(node)) return
    node.inputs.forEach(visit)
    steps.add(node)
  }
  for (const output of outputs) visit(output)
  return [...steps]
}

/** The name of a repartition step's topic. */
export function repartitionTopic(job: string, name: string): string {
  return `${job}.${name}.repartition`
}

/** The name of the topic that records which stores a job has, and since when. */
export function catalogTopic(job: string): string {
  return `${job}.catalog`
}

/** The name of a job's changelog. */
export function changelogTopic(job: string): string {
  return `${job}.changelog`
}

/** The topics that error policies append to, each once: those of a job, and those of its steps. */
export function deadLetterTopics(errors: ErrorPolicies, steps: readonly PlanNode[]): readonly string[] {
  const ofSteps = steps.flatMap((step) => (step.kind === 'errorPolicy' ? [step.policy] : []))
  const policies: readonly ErrorPolicy[] = [...Object.values(errors), ...ofSteps]
  return [...new Set(policies.flatMap((policy) => (typeof policy === 'object' ? [policy.deadLetter] : [])))]
}

/** The topics that the error policies of a topology append to, each once. */
export function deadLettersOf({ errors, subtopologies }: Topology): readonly string[] {
  return deadLetterTopics(
    errors,
    subtopologies.flatMap(({ nodes }) => nodes),
  )
}
