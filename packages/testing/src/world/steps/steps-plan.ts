import type { SeededRandom } from '../../machine/seeded-random.ts'
import { choose } from '../choose.ts'
import type { SequenceName } from './sequences.ts'

/** Where a step reads the events: as they are, or through a repartition topic, under other keys. */
export interface Placed {
  readonly regrouped: boolean
}

/** What a job does with the events; what is undefined is not in it. */
export interface StepsPlan {
  /** A step with state and timers. */
  readonly watch: { readonly ttlMs: number } | undefined
  /** A step with the state of its task. */
  readonly numbered: boolean
  readonly dedupe: (Placed & { readonly within: number; readonly grace: number }) | undefined
  readonly countWindow: (Placed & { readonly size: number }) | undefined
  readonly inOrder: (Placed & { readonly grace: number }) | undefined
  readonly match: (Placed & { readonly sequence: SequenceName; readonly grace: number }) | undefined
  /** Calls of a service whose answers are passed on. */
  readonly calls: CallsPlan | undefined
  readonly effect: { readonly concurrency: number } | undefined
  /** Windows that end at each event. */
  readonly slide: (Placed & { readonly size: number; readonly grace: number }) | undefined
  /** Windows whose totals are passed on now and then. */
  readonly every: (Placed & { readonly size: number; readonly grace: number; readonly every: number }) | undefined
  /** Windows of a time zone's days, whose totals are passed on at each event. */
  readonly daily: boolean
  /** Totals of two streams. */
  readonly cogrouped: boolean
  /** Steps without state, and topics that records choose. */
  readonly flow: boolean
  /** A step that fails for some events, which become dead letters. */
  readonly failing: boolean
}

export interface CallsPlan {
  readonly word: 'mapAsync' | 'flatMapAsync' | 'joinRemote'
  readonly order: 'input' | 'any'
  readonly concurrency: number
}

/** How many of the jobs have each of the steps, and how many of these are behind a repartition topic. */
const PRESENT = 0.5
const REGROUPED = 0.4

export function stepsPlan(random: SeededRandom): StepsPlan {
  const sometimes = <T>(plan: () => T) => (random.chance(PRESENT) ? plan() : undefined)
  const placed = () => ({ regrouped: random.chance(REGROUPED) })
  const grace = () => choose(random, [0, 0, 50, 250])
  return {
    watch: sometimes(() => ({ ttlMs: choose(random, [40, 150]) })),
    // A job has at least one step.
    numbered: true,
    dedupe: sometimes(() => ({ ...placed(), within: choose(random, [30, 120]), grace: grace() })),
    countWindow: sometimes(() => ({ ...placed(), size: 2 + random.below(3) })),
    inOrder: sometimes(() => ({ ...placed(), grace: grace() })),
    match: sometimes(() => ({
      ...placed(),
      sequence: choose(random, ['a, then b', 'two a, then c', 'a, then c without b', 'b, and a larger one'] as const),
      grace: grace(),
    })),
    calls: sometimes(() => ({
      word: choose(random, ['mapAsync', 'flatMapAsync', 'joinRemote'] as const),
      order: choose(random, ['input', 'any'] as const),
      concurrency: choose(random, [1, 3, 16]),
    })),
    effect: sometimes(() => ({ concurrency: choose(random, [1, 3, 16]) })),
    slide: sometimes(() => ({ ...placed(), size: choose(random, [20, 100]), grace: grace() })),
    every: sometimes(() => ({
      ...placed(),
      size: choose(random, [100, 200]),
      grace: grace(),
      every: choose(random, [20, 70]),
    })),
    daily: random.chance(PRESENT),
    cogrouped: random.chance(PRESENT),
    flow: random.chance(PRESENT),
    failing: random.fork('failing').chance(PRESENT),
  }
}
