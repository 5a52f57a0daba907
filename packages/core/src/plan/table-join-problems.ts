import { durationText } from '../describe/duration-text.ts'
import type { JoinSide } from './join-side.ts'
import type { PlanNode } from './node.ts'

/** Why two tables cannot be joined, in words; nothing if they can. */
export function tableJoinProblems(step: PlanNode): string[] {
  if (step.kind === 'foreignKeys' && step.sides.some(({ windows }) => windows !== undefined)) {
    return [`Step ${step.label} cannot join windowed tables by another key. Join tables without windows`]
  }
  if (step.kind !== 'tableJoin') return []
  const [left, right] = step.sides
  const problems: string[] = []
  if (left.key.name !== right.key.name) {
    problems.push(
      `Step ${step.label} joins tables whose keys are written in different ways: ${left.key.name} and ${right.key.name}. Equal keys ` +
        'may then be in different partitions. Write the keys of both with the same serde',
    )
  }
  if (windowsOf(left) !== windowsOf(right)) {
    problems.push(
      `Step ${step.label} joins tables with different windows: ${windowsOf(left)} and ${windowsOf(right)}. Give both windows of ` +
        'the same size',
    )
  }
  return problems
}

function windowsOf({ windows }: JoinSide): string {
  if (windows === undefined) return 'none'
  return windows.kind === 'window' ? durationText(windows.sizeMs) : 'of any size'
}
