import type { Carried } from './carried.ts'
import type { PlanNode } from './node.ts'
import type { LateNode } from './nodes/aggregate-nodes.ts'
import type { ProcessNode, SideOutputNode, StateViewNode } from './nodes/process-nodes.ts'
import { PASSES_ALL, READS_ALL, type StepFlow } from './step-flow.ts'
import type { StorePlan } from './store-plan.ts'

/** What every step with one input describes about itself: see `Step`. */
interface StepParts<Takes extends Carried, Stores extends readonly StorePlan[]> {
  readonly label: string
  readonly word: string
  readonly inputs: readonly [PlanNode]
  readonly takes: readonly [Takes]
  readonly stores: Stores
  readonly flow: StepFlow
}

/** The common parts of a step that takes records, and keeps nothing. `name` distinguishes it from others of its kind. */
export function recordStep(word: string, input: PlanNode, flow: StepFlow, name?: string): StepParts<'records', []> {
  return { label: labelOf(word, name), word, inputs: [input], takes: ['records'], stores: [], flow }
}

/** The common parts of a step that folds records into a store, and has the store's name. */
export function storeStep(
  word: string,
  input: PlanNode,
  store: StorePlan,
  flow: StepFlow,
): StepParts<'records', readonly [StorePlan]> {
  return { label: labelOf(word, store.name), word, inputs: [input], takes: ['records'], stores: [store], flow }
}

/**
 * Whether a row has the key bytes of the record that changes it. Other keys than strings and numbers may be equal and have
 * different bytes in the input: then the row has the bytes that its serde gives the key, whichever record changes it.
 */
export function rowKeepsKey({ key }: StorePlan): boolean {
  return key.primitive
}

/** The common parts of a step that takes a table's changes, and may keep rows. A change leaves with the key of its row. */
export function tableStep(
  word: string,
  input: PlanNode,
  store: StorePlan | undefined,
): StepParts<'changes', readonly StorePlan[]> {
  const stores = store === undefined ? [] : [store]
  return {
    label: labelOf(word, store?.name),
    word,
    inputs: [input],
    takes: ['changes'],
    stores,
    flow: { ...READS_ALL, keepsKey: true },
  }
}

/** The step that passes on the records which come too late to a port of another step. */
export function lateNode(step: PlanNode, port: number): LateNode {
  const parts = recordStep('late', step, { ...PASSES_ALL, readsValue: true })
  return { ...parts, takes: ['late'], label: `late of ${step.label}`, kind: 'late', port }
}

/** The step that passes on what a process step emits to a side output. */
export function sideOutputNode(step: ProcessNode, name: string): SideOutputNode {
  const parts = recordStep('output', step, PASSES_ALL, name)
  return {
    ...parts,
    takes: ['side'],
    label: `output "${name}" of ${step.label}`,
    kind: 'sideOutput',
    name,
    step: step.name,
  }
}

/** The view of a cell of a process step. */
export function stateViewNode(step: ProcessNode, view: StorePlan): StateViewNode {
  const parts = recordStep('state', step, PASSES_ALL, view.name)
  return { ...parts, takes: ['state'], kind: 'stateView', view }
}

/** What a view of a step reads; undefined if the step keeps nothing to be viewed. */
export function viewedStore(node: PlanNode): StorePlan | undefined {
  if (node.kind === 'async') return undefined
  return node.kind === 'stateView' ? node.view : node.stores[0]
}

/** How a step that is named is called in messages: `join "matched"`. */
export function labelOf(word: string, name: string | undefined): string {
  return name === undefined ? word : `${word} "${name}"`
}
