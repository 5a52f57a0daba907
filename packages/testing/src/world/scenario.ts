import type { Durability } from '@millrace/connectors/file'
import type { DiskCall } from '../machine/faults.ts'
import type { SeededRandom } from '../machine/seeded-random.ts'
import { type NodeStep, nodeSteps } from './node/node-steps.ts'

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
  'stop',
] as const

export type Trouble = (typeof TROUBLES)[number]

/** With durability `os`, what is promised does not survive a power cut, and a failed sync is not reported. */
const FSYNC_ONLY: readonly Trouble[] = ['power cut', 'failing sync']

/** These have their own place in a scenario: nothing continues after a flipped bit, and a stop lasts until the end. */
const APART: readonly Trouble[] = ['flipped bit', 'stop']

/** A container stops at a call of the disk. */
export interface StopPlan {
  /** From when on calls count, virtual ms. */
  readonly fromMs: number
  /** Which calls count; all if it is undefined. */
  readonly call: DiskCall | undefined
  /** How many of them come before it. */
  readonly calls: number
}

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
  /** How many standbys each task has. */
  readonly standbys: number
  /** When the job is replaced by a changed one; undefined if it is not. */
  readonly upgradeAtMs: number | undefined
  /** When troubles stop. */
  readonly calmAtMs: number
  /** Whether a bit of the log is flipped at the end. */
  readonly flippedBit: boolean
  /** Undefined if no container is stopped until the end. */
  readonly stop: StopPlan | undefined
  /** Whether one of the world's own processes observes after every step. */
  readonly watched: boolean
  /** What is requested of the node that runs the job; undefined if the world runs it without a node. */
  readonly nodeSteps: readonly NodeStep[] | undefined
}

/** The smallest size allowed: a few commits fill a segment, and it is compacted. */
export const SMALL_SEGMENT_BYTES = 1024

/** Two or three records of a changelog. */
const SMALL_GROUP_BATCH_BYTES = 384
const SMALL_GROUP_BATCHES = 0.4

const UPGRADES = 0.3
/** How many of the worlds have standbys. */
const STANDBYS = 0.4

const ACTIVE_MS = 1500
/** A node needs longer for its steps than a container for its work. */
const NODE_ACTIVE_MS = 3000
/** Observing makes a world slower, and changes it: what the witness reads was opened, and its directories synced. */
const WATCHED = 0.5
/** How many of the worlds with several containers stop one of them until the end. */
const STOPPED = 0.4

/** `nodes`: how many of the worlds have a node. */
export function scenarioOf(random: SeededRandom, troubles: readonly Trouble[], nodes: number): Scenario {
  const durability = random.chance(0.75) ? 'fsync' : 'os'
  const excluded = durability === 'fsync' ? APART : [...APART, ...FSYNC_ONLY]
  const kinds = troubles.filter((kind) => !excluded.includes(kind))
  const count = kinds.length === 0 ? 0 : random.below(6)
  const partitions = 1 + random.below(3)
  const containers = 1 + random.below(3)
  const upgrade = random.fork('upgrade')
  const standbys = random.fork('standbys')
  const node = random.fork('node')
  const hasNode = node.chance(nodes)
  const activeMs = hasNode ? NODE_ACTIVE_MS : ACTIVE_MS
  return {
    partitions,
    containers,
    orders: 10 + random.below(30),
    commitIntervalMs: [5, 20, 100][random.below(3)] ?? 20,
    durability,
    segmentBytes: random.chance(0.25) ? SMALL_SEGMENT_BYTES : 65_536,
    groupBatchBytesMax: random.fork('group batches').chance(SMALL_GROUP_BATCHES) ? SMALL_GROUP_BATCH_BYTES : 65_536,
    troubles: Array.from({ length: count }, () => ({
      atMs: random.between(50, activeMs),
      kind: kinds[random.below(kinds.length)] ?? 'kill',
    })).sort((a, b) => a.atMs - b.atMs),
    standbys: standbys.chance(STANDBYS) ? 1 + standbys.below(2) : 0,
    upgradeAtMs: upgrade.chance(UPGRADES) && !hasNode ? upgrade.between(50, ACTIVE_MS) : undefined,
    calmAtMs: activeMs,
    flippedBit: troubles.includes('flipped bit') && random.fork('flipped bit').chance(0.25),
    // If it were the only one, nothing could go on. A node waits for a container that starts, however long that takes.
    stop: troubles.includes('stop') && containers > 1 && !hasNode ? stopPlan(random.fork('stop')) : undefined,
    watched: random.fork('watched').chance(WATCHED),
    nodeSteps: hasNode ? nodeSteps(node, NODE_ACTIVE_MS) : undefined,
  }
}

const STOP_CALLS: readonly (DiskCall | undefined)[] = [undefined, 'sync', 'rename', 'syncDirectory']

function stopPlan(random: SeededRandom): StopPlan | undefined {
  if (!random.chance(STOPPED)) return undefined
  const fromMs = random.between(0, ACTIVE_MS / 2)
  // A group changes, and a journal is taken, by few calls among many: links, which count as renames, and what follows them.
  const call = STOP_CALLS[random.below(STOP_CALLS.length)]
  return { fromMs, call, calls: random.below(call === undefined ? 60 : 10) }
}
