import type { ErrorPolicies } from '../plan/error-policies.ts'
import type { StepNode } from '../plan/node.ts'
import type { GlobalSourceNode, RepartitionNode, SinkNode, SourceNode } from '../plan/nodes/topic-nodes.ts'
import type { StorePlan } from '../plan/store-plan.ts'

/** A job's graph, cut at its repartition topics; what `runtime` compiles tasks from. Pure data, no partition counts. */
export interface Topology {
  /** The name of the job's version: see `versionedName`. */
  readonly job: string
  /** `<job>.changelog`. */
  readonly changelog: string
  /** In an order in which every subtopology comes after those that feed it. */
  readonly subtopologies: readonly Subtopology[]
  readonly views: readonly ViewPlan[]
  readonly errors: ErrorPolicies
}

/** A connected part of the graph without a repartition inside; one task of it runs per partition number. */
export interface Subtopology {
  /** Short and readable, for messages and directories: the name of the input topic that comes first by name. */
  readonly id: string
  /** The topics that it reads, by topic name; all have the same number of partitions. */
  readonly inputs: readonly InputPlan[]
  /** The global tables that each of its tasks reads whole, each for one join. They do not determine how many tasks there are. */
  readonly globals: readonly GlobalPlan[]
  /** Its nodes without the inputs, each after what feeds it. A repartition node is the last of its path here. */
  readonly nodes: readonly StepNode[]
  readonly stores: readonly StorePlan[]
}

/** A topic that a subtopology reads: a topic of the user, or a repartition topic that the job owns. */
export interface InputPlan {
  readonly topic: string
  /** The plan node whose children get its records. */
  readonly node: SourceNode | RepartitionNode
}

/** A topic that each task of a subtopology reads whole. */
export interface GlobalPlan {
  readonly topic: string
  readonly node: GlobalSourceNode
  /** The store that keeps its rows. */
  readonly store: StorePlan
}

export interface ViewPlan {
  readonly name: string
  readonly store: StorePlan
  readonly subtopology: string
}

/** The outputs that append to topics. */
export type OutputNode = SinkNode | RepartitionNode
