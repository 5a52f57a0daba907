import type { PlanNode } from './node.ts'

/** What is wrong with a cogroup, in words; nothing for any other step. */
export function cogroupProblems(step: PlanNode): string[] {
  if (step.kind !== 'cogroup') return []
  const serdes = new Set(step.keys.map(({ name }) => name))
  if (serdes.size === 1) return []
  return [
    `Step ${step.label} has streams whose keys are written in different ways: ${[...serdes].join(', ')}. Equal keys would ` +
      'not meet. Give all streams the same key serde',
  ]
}
