import type { SeededRandom } from './seeded-random.ts'

/** How long a sync takes: mostly little, sometimes as long as on a disk that collects its garbage. */
export function syncDelayMs(random: SeededRandom): number {
  return random.chance(0.02) ? random.between(5, 200) : random.between(0.05, 3)
}
