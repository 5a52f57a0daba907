import type { Serde } from '../../contracts/serde.ts'
import type { StartPlan } from '../start-plan.ts'
import type { DynamicTopic, TopicPlan } from '../topic-plan.ts'
import type { Step, UnaryStep } from './step.ts'

/** Reads a topic. */
export interface SourceNode extends Step {
  readonly kind: 'source'
  readonly topic: TopicPlan
  /** Where a job that has never read it begins; undefined: at its start. */
  readonly start: StartPlan | undefined
  /** Whether each task reads it to its end, as of when the task starts, before it reads other inputs. */
  readonly bootstrap: boolean
}

/** Reads a topic as a global table: every task reads all of its partitions. Only the join that keeps the rows follows it. */
export interface GlobalSourceNode extends Step {
  readonly kind: 'globalSource'
  readonly topic: TopicPlan
}

/** Sends records through a topic that the job owns, so that equal keys meet in one task. The cut between subtopologies. */
export interface RepartitionNode extends UnaryStep {
  readonly kind: 'repartition'
  /** The topic is `<job>.<name>.repartition`. */
  readonly name: string
  /** Undefined: as many as the largest topic upstream of it. */
  readonly partitions: number | undefined
  readonly key: Serde<never>
  readonly value: Serde<never>
}

/** Appends to a topic; an output. `topic` may be chosen per record; then the serdes are given. */
export interface SinkNode extends UnaryStep {
  readonly kind: 'sink'
  readonly topic: TopicPlan | DynamicTopic
  /** Whether records are written under the key bytes that they were read with. */
  readonly keepsBytes: boolean
}
