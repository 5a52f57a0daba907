import type { SeededRandom } from '../machine/seeded-random.ts'
import type { JobPlan, SessionPlan, StreamPlan, WindowPlan } from '../time/plan.ts'
import { choose } from './choose.ts'

/** How many keys records have after a repartition. */
const REGROUPED_KEYS = 3
export const SOURCES = ['left', 'right'] as const

/**
 * A job whose results depend on time in every way: windows of finals, and sessions, over two topics in one task; the same after
 * a repartition; finals of all after a second one.
 */
export interface TimesPlan extends JobPlan {
  readonly tables: readonly (WindowPlan | SessionPlan)[]
  /** Read source records. */
  readonly first: readonly (WindowPlan | SessionPlan)[]
  /** Reads the finals of those. */
  readonly last: WindowPlan
}

export function timesPlan(random: SeededRandom): TimesPlan {
  const all: StreamPlan = { kind: 'merge', inputs: SOURCES.map((topic) => ({ kind: 'source', topic })) }
  // It has separate random numbers, so that each seed has the windows that it had without it.
  const panes = random.fork('panes')
  const window = (name: string, input: StreamPlan): WindowPlan => {
    const sizeMs = choose(random, [100, 200, 300])
    const advanceMs = sizeMs / choose(random, [1, 1, 2])
    return {
      kind: 'window',
      name,
      input,
      sizeMs,
      advanceMs,
      graceMs: choose(random, [0, 0, 50, 250]),
      emit: 'final',
      panes: panes.below(2) === 0,
      ordered: false,
    }
  }
  const regrouped = (name: string, input: StreamPlan): StreamPlan => {
    return { kind: 'repartition', name, partitions: undefined, input: { kind: 'keyBy', keys: REGROUPED_KEYS, input } }
  }
  const ones = window('ones', all)
  const twos = window('twos', regrouped('regrouped', all))
  // As have the sessions.
  const others = random.fork('sessions')
  const session = (name: string, input: StreamPlan): SessionPlan => {
    const gapMs = choose(others, [20, 60, 150])
    return { kind: 'session', name, input, gapMs, graceMs: choose(others, [0, 50, 250]), emit: 'final', ordered: false }
  }
  const runs = session('runs', all)
  const runsTogether = session('runs-together', regrouped('regrouped-runs', all))
  const first = [ones, twos, runs, runsTogether]
  const last = window('last', {
    kind: 'merge',
    inputs: first.map((table) => regrouped(`of-${table.name}`, { kind: 'results', table })),
  })
  return { topics: SOURCES, tables: [...first, last], first, last }
}
