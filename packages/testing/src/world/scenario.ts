import type { Durability } from '@millrace/connectors'
import type { SeededRandom } from '../machine/seeded-random.ts'

/** What may be done to a running job. */
export type Trouble =
  | 'kill'
  | 'pause'
  | 'power cut'
  | 'lost state'
  | 'clock jump'
  | 'full disk'
  | 'failing write'
  | 'failing sync'
  | 'torn write'
  | 'leave'

/** One run of the world: everything in it follows from the seed. */
export interface Scenario {
  readonly partitions: number
  readonly containers: number
  readonly orders: number
  readonly commitIntervalMs: number
  readonly durability: Durability
  readonly troubles: readonly { readonly atMs: number; readonly kind: Trouble }[]
  /** When troubles stop. */
  readonly calmAtMs: number
}

const ACTIVE_MS = 1500

export function scenarioOf(random: SeededRandom, faults: boolean): Scenario {
  const durability = random.chance(0.75) ? 'fsync' : 'os'
  const kinds: Trouble[] = ['kill', 'kill', 'pause', 'lost state', 'clock jump', 'leave']
  kinds.push('full disk', 'failing write', 'torn write')
  // What is promised with 'os' does not survive the power; nor does a failed sync say anything there.
  if (durability === 'fsync') kinds.push('power cut', 'power cut', 'failing sync')
  const count = faults ? random.below(6) : 0
  return {
    partitions: 1 + random.below(2),
    containers: 1 + random.below(3),
    orders: 10 + random.below(30),
    commitIntervalMs: [5, 20, 100][random.below(3)] ?? 20,
    durability,
    troubles: Array.from({ length: count }, () => ({
      atMs: random.between(50, ACTIVE_MS),
      kind: kinds[random.below(kinds.length)] ?? 'kill',
    })),
    calmAtMs: ACTIVE_MS,
  }
}
