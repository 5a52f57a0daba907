import type { SeededRandom } from '../../machine/seeded-random.ts'
import { choose } from '../choose.ts'

/** The tables of a job: each is computed from those before it. */
export interface TablesPlan {
  /** What becomes of the left rows before the join. */
  readonly derived: 'nothing' | 'filter' | 'mapValues'
  /** How left and right rows of the same key are joined. */
  readonly word: 'join' | 'leftJoin' | 'outerJoin'
  /** Whether the right rows go through a repartition topic. */
  readonly moved: boolean
  /** Whether each task first reads the right rows and the targets to their ends. */
  readonly bootstrap: boolean
  /** How the joined rows are joined with the targets that they refer to; undefined: they are not. */
  readonly reference: 'joinBy' | 'leftJoinBy' | undefined
  /** What becomes of the rows of each group; they are those of the last join. */
  readonly totals: 'count' | 'reduce' | 'aggregate'
  readonly top: TopPlan
}

export interface TopPlan {
  /** Which rows are ranked. */
  readonly of: 'joined' | 'last join' | 'totals'
  readonly rows: number
  readonly order: 'ascending' | 'descending'
  /** Whether each group of rows has its own first rows. */
  readonly grouped: boolean
}

export function tablesPlan(random: SeededRandom): TablesPlan {
  const totals = choose(random, ['count', 'reduce', 'aggregate'] as const)
  return {
    derived: choose(random, ['nothing', 'filter', 'mapValues'] as const),
    word: choose(random, ['join', 'leftJoin', 'outerJoin'] as const),
    moved: random.chance(0.25),
    bootstrap: random.fork('bootstrap').chance(0.25),
    reference: random.chance(0.75) ? choose(random, ['joinBy', 'leftJoinBy'] as const) : undefined,
    totals,
    top: {
      of: choose(random, totals === 'count' ? ['joined', 'last join'] : ['joined', 'last join', 'totals']),
      rows: 1 + random.below(3),
      order: choose(random, ['ascending', 'descending'] as const),
      grouped: random.chance(0.5),
    },
  }
}
