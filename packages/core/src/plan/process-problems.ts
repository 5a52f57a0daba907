import { isValidName } from '../names.ts'
import type { CellPlan } from './cell-plan.ts'
import { DURATION, isDuration } from './duration-problem.ts'
import type { PlanNode } from './node.ts'
import type { ProcessNode } from './nodes/process-nodes.ts'

/** A list is written as a whole: with more elements than this, each change would write megabytes. */
const LIST_MAX = 10_000

/** What is wrong with a step of the user's own, or with what uses it, in words; nothing for any other step. */
export function processProblems(step: PlanNode): string[] {
  if (step.kind === 'process') return stepProblems(step)
  return step.inputs.flatMap((input) =>
    input.kind === 'stateView'
      ? [
          `Step ${step.label} reads the view of store ${input.view.name}: the state of a process step can be viewed, and nothing ` +
            'else. Emit what other steps need',
        ]
      : [],
  )
}

function stepProblems({ label, cells, sideOutputs, onRecord, onTombstone, onTimer }: ProcessNode): string[] {
  const callbacks = [onRecord, onTombstone ?? onRecord, ...Object.values(onTimer)]
  const names = [...cells.map(({ name }) => name), ...sideOutputs, ...Object.keys(onTimer)]
  const problems = [
    ...(callbacks.every((each) => typeof each === 'function')
      ? []
      : ['onRecord, onTombstone and what timers do must be functions']),
    ...names.flatMap((name) =>
      isPart(name) ? [] : [`${JSON.stringify(name)} is not a name for a cell, an output or a timer. ${PART}`],
    ),
    ...cells.flatMap(cellProblems),
  ]
  return problems.map((problem) => `Step ${label} cannot run: ${problem}`)
}

const PART = 'Such a name starts with a letter or digit, and continues with letters, digits, "_" or "-"'

/** The name of a cell is the last part of the name of its store. */
function isPart(name: string): boolean {
  return isValidName(name) && !name.includes('.')
}

function cellProblems({ name, kind, max, ttlMs }: CellPlan): string[] {
  const isMax = max !== undefined && Number.isSafeInteger(max) && max >= 1 && max <= LIST_MAX
  return [
    ...(name === 'timers' ? ['the cell "timers" would have the store of the timers. Choose another name'] : []),
    ...(kind !== 'list' || isMax ? [] : [`the max of list "${name}" must be a whole number from 1 to ${LIST_MAX}`]),
    ...(ttlMs === undefined || (isDuration(ttlMs) && ttlMs > 0)
      ? []
      : [`the ttl of "${name}" must be more than 0, and ${DURATION}`]),
  ]
}
