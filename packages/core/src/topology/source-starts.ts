import type { StartPlan } from '../plan/start-plan.ts'
import type { Topology } from './topology.ts'

/** Where a job begins to read each topic of the user that it reads, by topic. */
export function sourceStarts({ subtopologies }: Topology): ReadonlyMap<string, StartPlan | undefined> {
  const inputs = subtopologies.flatMap((subtopology) => subtopology.inputs)
  return new Map(inputs.flatMap(({ topic, node }) => (node.kind === 'source' ? [[topic, node.start] as const] : [])))
}
