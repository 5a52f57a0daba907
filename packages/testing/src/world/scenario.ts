import type { Durability } from '@millrace/connectors/file'
import type { SeededRandom } from '../machine/seeded-random.ts'

/** What may be done to a running job. */
export const TROUBLES = [
  'kill',
  'pause',
  'power cut',
  'lost state',
  'clock jump',
  'full disk',
  'failing write',
  'failing sync',
  'torn write',
  'failing store',
  'leave',
  'flipped bit',
] as const

export type Trouble = (typeof TROUBLES)[number]

/** With durability `os`, what is promised does not survive a power cut, and a failed sync is not reported. */
const FSYNC_ONLY: readonly Trouble[] = ['power cut', 'failing sync']

/** Nothing continues after these: they come at the very end. */
const LAST: readonly Trouble[] = ['flipped bit']

/** One run of the world: everything in it follows from the seed. */
export interface Scenario {
  readonly partitions: number
  readonly containers: number
  readonly orders: number
  readonly commitIntervalMs: number
  readonly durability: Durability
  /** Small segments roll, are compacted and purged in a short life; large ones are what most logs have. */
  readonly segmentBytes: number
  /** Small batches: most groups of a commit have several. */
  readonly groupBatchBytesMax: number
  readonly troubles: readonly { readonly atMs: number; readonly kind: Trouble }[]
  /** When troubles stop. */
  readonly calmAtMs: number
  /** Whether a bit of the log is flipped at the end. */
  readonly flippedBit: boolean
  /** Whether one of the world's own processes observes after every step. */
  readonly watched: boolean
}

/** The smallest size allowed: a few commits fill a segment, and it is compacted. */
export const SMALL_SEGMENT_BYTES = 1024

/** Two or three records of a changelog. */
const SMALL_GROUP_BATCH_BYTES = 384
const SMALL_GROUP_BATCHES = 0.4

const ACTIVE_MS = 1500
/** Observing makes a world slower, and changes it: what the witness reads was opened, and its directories synced. */
const WATCHED = 0.5

export function scenarioOf(random: SeededRandom, troubles: readonly Trouble[]): Scenario {
  const durability = random.chance(0.75) ? 'fsync' : 'os'
  const excluded = durability === 'fsync' ? LAST : [...LAST, ...FSYNC_ONLY]
  const kinds = troubles.filter((kind) => !excluded.includes(kind))
  const count = kinds.length === 0 ? 0 : random.below(6)
  return {
    partitions: 1 + random.below(3),
    containers: 1 + random.below(3),
    orders: 10 + random.below(30),
    commitIntervalMs: [5, 20, 100][random.below(3)] ?? 20,
    durability,
    segmentBytes: random.chance(0.25) ? SMALL_SEGMENT_BYTES : 65_536,
    groupBatchBytesMax: random.fork('group batches').chance(SMALL_GROUP_BATCHES) ? SMALL_GROUP_BATCH_BYTES : 65_536,
    troubles: Array.from({ length: count }, () => ({
      atMs: random.between(50, ACTIVE_MS),
      kind: kinds[random.below(kinds.length)] ?? 'kill',
    })).sort((a, b) => a.atMs - b.atMs),
    calmAtMs: ACTIVE_MS,
    flippedBit: troubles.includes('flipped bit') && random.fork('flipped bit').chance(0.25),
    watched: random.fork('watched').chance(WATCHED),
  }
}
