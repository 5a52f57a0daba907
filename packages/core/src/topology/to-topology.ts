import type { Job } from '../dsl/job.ts'
import type { PlanNode } from '../plan/node.ts'
import type { GlobalSourceNode } from '../plan/nodes/topic-nodes.ts'
import { viewedStore } from '../plan/step-parts.ts'
import { versionedName } from '../versioned-name.ts'
import { type Group, groupSteps } from './group-steps.ts'
import { changelogTopic, repartitionTopic, stepsOf } from './steps.ts'
import type { GlobalPlan, InputPlan, Subtopology, Topology, ViewPlan } from './topology.ts'
import { unifySources } from './unify-sources.ts'

type InputNode = InputPlan['node']

/** A job's topology: its graph cut at the repartition topics. The same job always gives the same topology. */
export function toTopology(job: Job): Topology {
  const outputs = unifySources(job.outputs)
  const groups = groupSteps(stepsOf(outputs))
  const name = versionedName(job)
  const subtopologies = inFlowOrder(groups).map((group) => subtopologyOf(name, group))
  return {
    job: name,
    changelog: changelogTopic(name),
    subtopologies,
    views: distinct(outputs.flatMap((node) => viewOf(node, subtopologies))),
    errors: job.errors,
  }
}

/** Each group after those that feed it. Validation has rejected groups that feed each other. */
function inFlowOrder(groups: readonly Group[]): readonly Group[] {
  const ordered = new Set<Group>()
  const visiting = new Set<Group>()
  const visit = (group: Group) => {
    if (visiting.has(group)) return
    visiting.add(group)
    for (const input of group.inputs) {
      const feeder = groups.find(({ nodes }) => nodes.some((node) => node === input))
      if (feeder !== undefined) visit(feeder)
    }
    ordered.add(group)
  }
  for (const group of groups) visit(group)
  return [...ordered]
}

function subtopologyOf(job: string, { inputs, globals, nodes }: Group): Subtopology {
  const plans = inputs.map((node) => ({ topic: topicOf(job, node), node }))
  plans.sort((a, b) => (a.topic < b.topic ? -1 : 1))
  return {
    id: plans[0]?.topic ?? job,
    inputs: plans,
    globals: globals.flatMap((node) => globalPlans(node, nodes)),
    nodes,
    stores: nodes.flatMap((node) => node.stores),
  }
}

function globalPlans(node: GlobalSourceNode, nodes: Group['nodes']): GlobalPlan[] {
  return nodes.flatMap((step) =>
    step.kind === 'globalLookup' && step.inputs[1] === node
      ? [{ topic: node.topic.name, node, store: step.stores[0] }]
      : [],
  )
}

function topicOf(job: string, node: InputNode): string {
  return node.kind === 'source' ? node.topic.name : repartitionTopic(job, node.name)
}

function viewOf(node: PlanNode, subtopologies: readonly Subtopology[]): ViewPlan[] {
  const store = viewedStore(node)
  const subtopology = subtopologies.find(({ nodes }) => nodes.some((step) => step === node))
  if (store === undefined || subtopology === undefined) return []
  return [{ name: store.name, store, subtopology: subtopology.id }]
}

/** A store is one view, also if several outputs show it. */
function distinct(views: readonly ViewPlan[]): readonly ViewPlan[] {
  return [...new Map(views.map((view) => [view.name, view])).values()]
}
