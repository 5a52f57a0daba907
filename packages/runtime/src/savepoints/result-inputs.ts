import type { Fence, FencePoint } from '../task/output-fence.ts'
import { callResultId, isSavedCalls, unorderedResultId } from '../task/saved-calls.ts'

/** By the id of the results of calls: the id of the input that their records had, which may be that of results too. */
export type ResultInputs = ReadonlyMap<number, number>

/** Stands for the input of results that have no order: the id of no topic. */
export const UNORDERED = -1

/** Which inputs the records had whose calls have given results, according to fences. */
export function resultInputs(fences: readonly Fence[]): ResultInputs {
  const inputs = new Map<number, number>()
  for (const [name, saved] of fences.flatMap(pointsIn).flatMap(({ steps }) => steps)) {
    if (!isSavedCalls(saved)) continue
    for (const [inputId] of saved.last) inputs.set(callResultId(name, inputId), inputId)
    if (saved.unordered > 0) inputs.set(unorderedResultId(name), UNORDERED)
  }
  return inputs
}

/** The input from which records came in the end that have this id of an input. */
export function rootInput(inputId: number, inputs: ResultInputs): number {
  let root = inputId
  for (let before = inputs.get(root); before !== undefined; before = inputs.get(root)) root = before
  return root
}

/**
 * A step whose results have gone through a repartition topic in an order that depended on when its calls were done: behind the topic, it
 * is unknown which of them the job had processed. Undefined if the job has no such step.
 */
export function unorderedSender(fence: Fence): string | undefined {
  const points = pointsIn(fence)
  const seen = new Set(points.flatMap((point) => point.seen ?? []).map(({ input }) => input))
  const step = points.flatMap(({ steps }) => steps).find(([name]) => seen.has(unorderedResultId(name)))
  return step?.[0]
}

function pointsIn(fence: Fence): readonly FencePoint[] {
  return Object.values(fence).flatMap((points) => Object.values(points))
}
