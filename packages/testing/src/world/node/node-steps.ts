import type { SeededRandom } from '../../machine/seeded-random.ts'

/** What a person requests of a node. A version is deployed by its name. */
export type NodeAction =
  | { readonly kind: 'deploy'; readonly version: VersionName }
  | { readonly kind: 'scale'; readonly containers: number }
  | { readonly kind: 'rollback' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'start' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'savepoint' }
  | { readonly kind: 'delete savepoint' }
  | { readonly kind: 'restore' }
  | { readonly kind: 'rewind' }

/**
 * The versions of a world's job: `first`; `changed` has another step; `wide` has a store with other content under the same name,
 * and must not stay; `failing` is as `wide`, and fails at some records.
 */
export type VersionName = 'first' | 'changed' | 'wide' | 'failing'

/** One of the steps of a world with a node. A step that is due while the former one is done comes after it. */
export type NodeStep = NodeAction & { readonly atMs: number }

const STEPS_MAX = 6

/** Some steps within a time, in order. */
export function nodeSteps(random: SeededRandom, withinMs: number): readonly NodeStep[] {
  const count = 1 + random.below(STEPS_MAX)
  const times = Array.from({ length: count }, () => random.between(50, withinMs)).sort((a, b) => a - b)
  // Without one, a restore has nothing to return to.
  const actions = times.map((): NodeAction => (random.chance(0.2) ? { kind: 'savepoint' } : nodeAction(random)))
  return actions.map((action, index) => ({ ...action, atMs: times[index] ?? withinMs }))
}

function nodeAction(random: SeededRandom): NodeAction {
  const actions: readonly NodeAction[] = [
    { kind: 'deploy', version: 'changed' },
    { kind: 'deploy', version: 'wide' },
    { kind: 'deploy', version: 'failing' },
    { kind: 'deploy', version: 'first' },
    { kind: 'rollback' },
    { kind: 'rollback' },
    { kind: 'scale', containers: 1 + random.below(3) },
    { kind: 'scale', containers: 1 + random.below(3) },
    { kind: 'restart' },
    { kind: 'stop' },
    { kind: 'start' },
    { kind: 'drain' },
    { kind: 'delete savepoint' },
    { kind: 'restore' },
    { kind: 'restore' },
    { kind: 'rewind' },
  ]
  return actions[random.below(actions.length)] ?? { kind: 'restart' }
}
