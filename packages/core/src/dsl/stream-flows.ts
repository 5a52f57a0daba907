import type { Observable, OperatorFunction } from 'rxjs'
import type { Serde } from '../contracts/serde.ts'
import type { PipeNode } from '../plan/nodes/stateless-nodes.ts'
import { PASSES_ALL, type StepFlow, seenBy } from '../plan/step-flow.ts'

/** Passes on the records that callbacks accept or reject. */
export function looksAt(...fns: readonly ((...parameters: never[]) => unknown)[]): StepFlow {
  return { ...PASSES_ALL, keepsValue: false, readsKey: fns.some((fn) => seenBy(fn).readsKey), readsValue: true }
}

/** Passes on records under another key. */
export function rekeys(fn: (...parameters: never[]) => unknown): StepFlow {
  return { keepsKey: false, keepsValue: true, ...seenBy(fn) }
}

/** All operators as one. At this boundary each operator gets what the one before it returns, as the types promised. */
export function connectAll(operators: readonly OperatorFunction<never, unknown>[]): PipeNode['connect'] {
  return (source) => {
    let values: Observable<unknown> = source
    for (const operator of operators) values = operator(values as Observable<never>)
    return values
  }
}

/** The serde that all of them share, if they do. */
export function sameSerde<T>(serdes: readonly (Serde<T> | undefined)[]): Serde<T> | undefined {
  const [first] = serdes
  return serdes.every((serde) => serde?.name === first?.name) ? first : undefined
}
