import type { Carried } from '../carried.ts'
import type { PlanNode } from '../node.ts'
import type { StepFlow } from '../step-flow.ts'
import type { StorePlan } from '../store-plan.ts'

/** What every step describes about itself. Code that walks a plan reads this, and does not need to know the kind of a step. */
export interface Step {
  /** Names the step in messages, as the user wrote it: `filter`, `aggregate "delays"`. */
  readonly label: string
  /** The word that the user wrote: `filter`, `aggregate`. On disk, as part of what a store means. */
  readonly word: string
  /** What feeds it, port by port. One step may feed several ports. */
  readonly inputs: readonly PlanNode[]
  /** The names of its ports, if it matters which input feeds which. On disk, as part of what a store means. */
  readonly ports?: readonly string[]
  /** What it takes from each step that feeds it, port by port. */
  readonly takes: readonly Carried[]
  /** What it keeps. The first is the one that a view of the step reads. */
  readonly stores: readonly StorePlan[]
  /** Its stores in groups of which one store is of no use without the others. Absent: all of them are one group. */
  readonly storeGroups?: readonly (readonly StorePlan[])[]
  readonly flow: StepFlow
}

/** A step with one port. */
export interface UnaryStep extends Step {
  readonly inputs: readonly [PlanNode]
  readonly takes: readonly [Carried]
}
