import type { Serde } from '../contracts/serde.ts'
import { sideOutputNode, stateViewNode } from '../plan/step-parts.ts'
import type { StreamPlan } from './plan-value.ts'
import type { ProcessStep } from './process-node.ts'
import type { MapCell, StateCell, ValueCell } from './state-cells.ts'
import type { Stream } from './stream.ts'
import { Table, type ToStream } from './table.ts'

/** The streams of a step's side outputs, by name. */
export type OutputStreams<K, O> = {
  readonly [N in keyof O]: O[N] extends Serde<infer V> ? Stream<K, V> : never
}

/** The views of a step's state, by the names of its cells: values by key, and maps by the pair of both keys. */
export type StateViews<K, S> = {
  readonly [C in keyof S as S[C] extends ValueCell<unknown> | MapCell<unknown, unknown> ? C : never]: StateView<K, S[C]>
}

type StateView<K, C> =
  C extends ValueCell<infer V> ? Table<K, V> : C extends MapCell<infer M, infer V> ? Table<readonly [K, M], V> : never

/** At this boundary each stream gets the type of its output's serde. */
export function outputStreams<K, O>(
  { key, rekeyed }: StreamPlan<K, unknown>,
  { node, options }: ProcessStep,
  toStream: ToStream,
): OutputStreams<K, O> {
  const streams = Object.entries(options.outputs ?? {}).map(([name, value]) => [
    name,
    toStream({ kind: 'stream', node: sideOutputNode(node, name), key, value, rekeyed }),
  ])
  return Object.freeze(Object.fromEntries(streams))
}

/** At this boundary each view gets the types of its cell's serdes. */
export function stateViews<K, S>({ node, options }: ProcessStep, toStream: ToStream): StateViews<K, S> {
  const declared: Readonly<Record<string, StateCell>> = options.state ?? {}
  const views = node.cells.flatMap(({ name, store }) => {
    const cell = declared[name]
    // What tasks keep has the same key in each of them.
    if (cell === undefined || cell.kind === 'list' || node.scope === 'task') return []
    const view = stateViewNode(node, store)
    return [
      [
        name,
        new Table({ kind: 'table', node: view, rowKey: store.key, value: cell.value, window: undefined }, toStream),
      ],
    ]
  })
  return Object.freeze(Object.fromEntries(views))
}
