import type { PlanNode } from '../plan/node.ts'
import { groupSteps } from './group-steps.ts'
import { stepsOf } from './steps.ts'
import { unifySources } from './unify-sources.ts'

/**
 * Subtopologies that feed each other through repartition topics: neither's watermark could ever pass the other's. It
 * happens only if a stream or table is merged or joined with one that was computed from it behind a repartition topic.
 */
export function feedbackProblems(outputs: readonly PlanNode[]): string[] {
  const groups = groupSteps(stepsOf(unifySources(outputs)))
  const feeders = new Map(
    groups.map((group) => [
      group,
      groups.filter(({ nodes }) => nodes.some((node) => group.inputs.some((input) => input === node))),
    ]),
  )
  const reaches = (from: (typeof groups)[number]) => {
    const seen = new Set<(typeof groups)[number]>()
    const visit = (group: (typeof groups)[number]) => {
      for (const feeder of feeders.get(group) ?? []) {
        if (seen.has(feeder)) continue
        seen.add(feeder)
        visit(feeder)
      }
    }
    visit(from)
    return seen
  }
  return groups.flatMap((group) => {
    if (!reaches(group).has(group)) return []
    const inputs = group.inputs.filter((input) => input.kind === 'repartition').map((input) => input.label)
    return [
      `A merge or join brings the records of ${inputs.join(', ')} together with the stream that they are computed from. Send ` +
        "that stream through .repartition('…') too, before the merge or join, so that the two are read separately",
    ]
  })
}
