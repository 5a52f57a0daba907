import type { RefusedError } from '../errors/millrace-error.ts'
import type { Position } from '../position.ts'

/** Records of one partition that were not processed. */
export interface Gap {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
}

/**
 * What a start of a job means for the data that is there: what it keeps, starts empty and makes, and whether it is refused. A
 * plain JSON value.
 */
export interface JobPlan {
  /** The name of the job's version. */
  readonly job: string
  readonly change: JobChange
  /** How the steps differ from those of the former job; null if that is not known. */
  readonly steps: StepChanges | null
  /** The stores of the job, and those that it no longer has, each after those that it is computed from. */
  readonly stores: readonly PlannedStore[]
  /** The topics that the job names, and its own. */
  readonly topics: readonly PlannedTopic[]
  /** Of stores and repartition topics, and of the topics that the former job reads if that is known. */
  readonly serdes: readonly SerdeChange[]
  /** Other settings that differ from those of the former job; empty if that is not known. */
  readonly settings: readonly SettingChange[]
  /** What is read if everything is computed again. */
  readonly recompute: Recomputation
  /** The number of a version that has not run yet: see `Job.withVersion`. */
  readonly nextVersion: number
  /** Why the start is refused, the reason that the start reports first; empty if it is not refused. */
  readonly refusals: readonly PlanRefusal[]
}

/** What the start of an artefact would change. */
export interface PlannedStart {
  readonly plan: JobPlan
  /** The plan as a person reads it: what `millrace plan` prints. */
  readonly text: string
}

/**
 * How the job can go on.
 *
 * - `first`: it has not run on this log.
 * - `none`: it is the same job, as far as its description shows: its processes can be replaced one after the other. Only if the
 *   former job is known.
 * - `at-once`: it continues with its state. If it runs, processes that start as an upgrade wait until the others have ended,
 *   and all tasks move at once.
 * - `accept-loss`: as `at-once`, once the losses of its stores are accepted. Or another version keeps nothing, and loses nothing.
 * - `version`: it cannot continue with its state. Another version, or a reset, computes everything again.
 * - `blocked`: something must be corrected first, also for another version.
 */
export type JobChange = 'first' | 'none' | 'at-once' | 'accept-loss' | 'version' | 'blocked'

/** How the steps of two jobs differ. A step without a name is described by what is before it. */
export interface StepChanges {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly StepChange[]
}

export interface StepChange {
  readonly step: string
  /** The store that it keeps now, if any. */
  readonly store: string | null
  /** One text for each difference: `window size 1h, now 2h`. */
  readonly changes: readonly string[]
}

/**
 * What becomes of a store.
 *
 * - `new`: it counts every record of its inputs that is still there.
 * - `kept`: it continues.
 * - `empty`: it starts empty, and counts from the position `completeFrom` on; refused unless that is accepted.
 * - `recomputed`: the changelog that held it is gone, and the job computes it again from the start of its inputs.
 * - `left`: the job no longer has it. Its content stays in the changelog, and misses what is processed from now on.
 */
export type StoreFate = 'new' | 'kept' | 'empty' | 'recomputed' | 'left'

export interface PlannedStore {
  readonly store: string
  readonly fate: StoreFate
  /** For a store that starts empty: the content that it has, or, as a new store, the history of its inputs. */
  readonly loses: 'content' | 'history' | null
  /** Whether its loss must be accepted for the job to start. */
  readonly acceptLoss: boolean
  /** Whether that was accepted. */
  readonly accepted: boolean
  /** Why, in sentences without a full stop, besides the changes. */
  readonly reasons: readonly string[]
  /** What differs in how it is computed, one text for each difference. */
  readonly changes: readonly string[]
  /** The records that were processed without it. */
  readonly missed: readonly Gap[]
  /** The position from which it counts every record; a partition that is missing counts from its first record. */
  readonly completeFrom: Position
  /** The user's topics that it is computed from. */
  readonly sources: readonly string[]
}

export type TopicRole = 'source' | 'sink' | 'dead-letter' | 'repartition' | 'changelog' | 'catalog'

/**
 * `made`: the start makes it. `missing`: the user must make it. `unfit`: the job cannot use it, because it has other partitions or
 * may lose records. `left`: the job no longer uses it, and a reset deletes it.
 */
export type TopicChange = 'none' | 'made' | 'missing' | 'unfit' | 'left'

export interface PlannedTopic {
  readonly topic: string
  readonly role: TopicRole
  readonly exists: boolean
  /** Those that it has, or that it is made with; null if that cannot be known yet. */
  readonly partitions: number | null
  readonly change: TopicChange
}

export interface SerdeChange {
  readonly of: 'store' | 'topic'
  readonly name: string
  readonly part: 'key' | 'value' | 'order'
  /** Names of serdes. */
  readonly before: string
  readonly now: string
}

export interface SettingChange {
  /** `onError undecodable`, `aheadMax of topic flights`. */
  readonly setting: string
  readonly before: string
  readonly now: string
}

/**
 * What a reset of the job, or another version of it, reads to compute everything again: from where the job begins. Global
 * tables, which each task reads, are left out.
 */
export interface Recomputation {
  /** At most so many: the offsets between where the job begins and the end of all partitions. */
  readonly records: number
  readonly topics: readonly {
    readonly topic: string
    readonly records: number
    /** The records that retention or a purge has deleted from its start: they cannot be counted again. */
    readonly deleted: number
  }[]
}

export interface PlanRefusal {
  readonly code: RefusedError['code']
  readonly message: string
}
