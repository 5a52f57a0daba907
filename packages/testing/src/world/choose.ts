import type { SeededRandom } from '../machine/seeded-random.ts'

/** One of some choices. */
export function choose<T>(random: SeededRandom, choices: readonly T[]): T {
  const chosen = choices[random.below(choices.length)]
  if (chosen === undefined) throw new Error('Nothing to choose from')
  return chosen
}
