import type { Gap, Position } from '@millrace/core'
import {
  durationText,
  type JobMeaning,
  ownValue,
  type RepartitionMeaning,
  readsSerde,
  type StoreMeaning,
} from '@millrace/core/internal'
import type { Fence } from '../task/output-fence.ts'

/** In the place of the changelog's id: the job has no changelog, and the catalog describes the one that its next start makes. */
export const NEXT_CHANGELOG = ''

/**
 * Which stores a job has, what determines each, and since when each is complete. It is the last record of the topic
 * `<job>.catalog`. It changes only when a job starts, before anything is processed.
 */
export interface Catalog {
  /** The id of the changelog that it describes: another changelog holds another state. */
  readonly changelog: string
  readonly stores: Readonly<Record<string, CatalogStore>>
  /** By topic; includes topics that the job no longer has. */
  readonly repartitions: Readonly<Record<string, RepartitionMeaning>>
  /** Where the job began to read topics, if it was not to begin at their start. Absent: everywhere at the start, or set back since. */
  readonly starts?: Readonly<Record<string, CatalogStart>>
  /** The key prefixes of entries that no store has any more, and that are still to be deleted from the changelog. */
  readonly obsolete?: readonly string[]
  /** The restore that has begun, by its id: until it is done, the job must not start. */
  readonly unfinished?: string
  /** The restore that the job continues from; absent if it was never set back. */
  readonly restored?: CatalogRestore
}

/** Where a job began to read a topic that it had never read. Decided when the job first started with the topic, and never again. */
export interface CatalogStart {
  /** What the job gives now, in words. It has no effect any more. */
  readonly start: string
  readonly topicId: string
  /** By partition; those that are missing: at their start. */
  readonly offsets: Readonly<Record<string, number>>
  /** The records before it that were there: nothing was appended for them. */
  readonly skipped: readonly Gap[]
}

/** A restore of a savepoint, or a rewind. */
export interface CatalogRestore {
  readonly id: string
  /** How far the job had come each time that it was set back. A fence that the job has passed has no effect. */
  readonly fences: readonly Fence[]
  /** Where a task that has no checkpoint begins to read an input, by topic. Topics and partitions that are missing: at their start. */
  readonly beginnings?: Beginnings
  /** Records that the job was made to skip: the fences do not know that nothing was appended for them. */
  readonly skipped?: readonly Gap[]
}

/** By topic: its id, and offsets by partition. */
export type Beginnings = Readonly<
  Record<string, { readonly topicId: string; readonly offsets: Readonly<Record<string, number>> }>
>

export interface CatalogStore {
  readonly meaning: StoreMeaning
  /** Grows each time that the store is started empty: entries of an earlier incarnation do not belong to it. */
  readonly incarnation: number
  /**
   * The stores that it is computed from, each with its incarnation at that time: another incarnation does not have the rows
   * that it gave.
   */
  readonly computedFrom: Readonly<Record<string, number>>
  /** All topics that the store is computed from, including the job's own. */
  readonly topics: readonly string[]
  /** The store counts every record from these source positions on; a partition that is missing counts from its first record. */
  readonly completeFrom: Position
  /** How far its topics had been processed when the job lost the store; null while the job has it. */
  readonly removedAt: Position | null
}

/** Where a task that has no checkpoint begins to read an input: see `CatalogRestore`. */
export function beginningsIn({ starts = {}, restored }: Pick<Catalog, 'starts' | 'restored'>): Beginnings {
  return { ...starts, ...restored?.beginnings }
}

/** The records that the job was made to skip, and those before the places where it began to read. */
export function skippedIn({ starts = {}, restored }: Pick<Catalog, 'starts' | 'restored'>): readonly Gap[] {
  return [...(restored?.skipped ?? []), ...Object.values(starts).flatMap(({ skipped }) => skipped)]
}

/** Whether a catalog describes a job's stores as the job would describe them now. */
export function isCurrent(catalog: Catalog, changelog: string, { stores, repartitions }: JobMeaning): boolean {
  const names = Object.keys(catalog.stores).filter((name) => ownValue(catalog.stores, name)?.removedAt === null)
  return (
    catalog.changelog === changelog &&
    names.length === Object.keys(stores).length &&
    names.every((name) => sameMeaning(ownValue(catalog.stores, name)?.meaning, ownValue(stores, name))) &&
    Object.keys(repartitions).every((topic) =>
      sameMeaning(ownValue(catalog.repartitions, topic), ownValue(repartitions, topic)),
    )
  )
}

function sameMeaning(a: StoreMeaning | RepartitionMeaning | undefined, b: typeof a): boolean {
  return a !== undefined && b !== undefined && changedFields(a, b).length === 0
}

/** What differs so that what is there cannot be used, one text for each difference: `grace 0ms, now 5s`. */
export function differences<M extends StoreMeaning | RepartitionMeaning>(before: M, now: M): string[] {
  return changedFields(before, now).flatMap(({ field, was, is }) =>
    field === 'value' && readsSerde(is, was) ? [] : [`${WORDS[field] ?? field} ${was}, now ${is}`],
  )
}

function changedFields<M extends StoreMeaning | RepartitionMeaning>(before: M, now: M) {
  const fields = new Set([...Object.keys(before), ...Object.keys(now)] as (keyof M & string)[])
  return [...fields].flatMap((field) => {
    const [was, is] = [textOf(field, before[field]), textOf(field, now[field])]
    const isKnown = field !== 'timed' || before[field] !== undefined
    return was === is || !isKnown ? [] : [{ field, was, is }]
  })
}

/** The words for fields whose name alone would not be clear. */
const WORDS: Readonly<Record<string, string>> = {
  key: 'key serde',
  value: 'value serde',
  order: 'order serde',
  windowMs: 'window size',
  gapMs: 'gap',
  advanceMs: 'advance',
  graceMs: 'grace',
  beforeMs: 'within, before',
  afterMs: 'within, after',
  historyMs: 'history',
  topRows: 'rows at the top',
  rankOrder: 'order of ranks',
  times: 'event times by',
}

function textOf(field: string, value: unknown): string {
  if (value === null || value === undefined) return 'none'
  if (Array.isArray(value)) return value.join(' and ')
  return field.endsWith('Ms') ? durationText(Number(value)) : `${value}`
}
