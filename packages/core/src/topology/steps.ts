import type { PlanNode } from '../plan/node.ts'
import type { ErrorPolicies, ErrorPolicy } from './topology.ts'

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

/** The topics that error policies append to, each once. */
export function deadLetterTopics(errors: ErrorPolicies): readonly string[] {
  const topics = Object.values(errors).flatMap((policy: ErrorPolicy) =>
    typeof policy === 'object' ? [policy.deadLetter] : [],
  )
  return [...new Set(topics)]
}
