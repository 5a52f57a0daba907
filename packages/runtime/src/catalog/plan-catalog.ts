import type { Gap, Position } from '@millrace/core'
import {
  dictionary,
  type JobMeaning,
  maximumPosition,
  offsetIn,
  ownValue,
  type StoreInputs,
  type StoreMeaning,
  storeKeyName,
} from '@millrace/core/internal'
import { beginningsIn, type Catalog, type CatalogStore, differences } from './catalog.ts'

/** What a change of a job's stores depends on. */
export interface CatalogChange {
  /** The id of the changelog. */
  readonly changelog: string
  readonly meaning: JobMeaning
  /** The job's stores, each after those that it is computed from. */
  readonly inputs: readonly StoreInputs[]
  /** How far the job has processed every topic that it ever read, according to its changelog. */
  readonly processed: Position
  /** Where the source topics start. */
  readonly starts: Position
  /** Where the job begins to read its topics, or began: see `Catalog.starts`. */
  readonly begins: NonNullable<Catalog['starts']>
  /** The stores that may start empty. */
  readonly acceptLoss: ReadonlySet<string>
}

/** A store that cannot continue from where it is. */
export interface StoreProblem {
  readonly store: string
  readonly subtopology: string
  /** What it is computed by, or from, has changed: the old and the new description. */
  readonly changes: readonly string[]
  /** What was processed without the store. */
  readonly missed: readonly Gap[]
  /** The stores that it is computed from, or that its step keeps too, and that start empty. */
  readonly emptied: readonly string[]
}

export interface CatalogPlan {
  readonly catalog: Catalog
  /** The reasons to refuse the start. */
  readonly problems: readonly StoreProblem[]
  /** Repartition topics that may still hold records of another kind, and how they changed. */
  readonly changedTopics: readonly { readonly topic: string; readonly changes: readonly string[] }[]
  /** The stores that start empty. */
  readonly emptied: readonly string[]
  /** The key prefixes of entries that no process reads any more. */
  readonly obsolete: readonly string[]
}

/** The catalog of a job whose stores are no longer those of `before`, and the reasons to refuse it. */
export function planCatalog(before: Catalog | undefined, change: CatalogChange): CatalogPlan {
  const { meaning, inputs, acceptLoss } = change
  const starts = maximumPosition([change.starts, beginningsOf({ ...before, starts: change.begins })])
  const stores = dictionary<CatalogStore>()
  const problems: StoreProblem[] = []
  const emptied: string[] = []
  const obsolete: string[] = []
  for (const input of inputs) {
    const { store: name } = input
    const now = ownValue(meaning.stores, name)
    if (now === undefined) throw new Error(`Store ${name} has no meaning`)
    const known = before && ownValue(before.stores, name)
    const computedFrom = Object.fromEntries(input.stores.map((each) => [each, stores[each]?.incarnation ?? 1]))
    const others = input.together.filter((each) => isOther(before, meaning, each))
    const problem = problemOf(input, known, now, { ...change, starts }, computedFrom, others)
    if (problem === undefined && known !== undefined) {
      // Its values may have a further version.
      stores[name] = { ...known, meaning: now, removedAt: null }
      continue
    }
    stores[name] = {
      meaning: now,
      incarnation: (known?.incarnation ?? 0) + 1,
      computedFrom,
      topics: topicsOf(input),
      completeFrom: only(maximumPosition(problem === undefined ? [starts] : [starts, change.processed]), input.sources),
      removedAt: null,
    }
    if (problem === undefined) continue
    emptied.push(name)
    if (!acceptLoss.has(name)) problems.push(problem)
    if (known !== undefined) obsolete.push(storeKeyName({ name, incarnation: known.incarnation }))
  }
  for (const [name, store] of Object.entries(before?.stores ?? {})) {
    stores[name] ??= { ...store, removedAt: store.removedAt ?? only(change.processed, store.topics) }
  }
  return {
    catalog: {
      changelog: change.changelog,
      stores,
      repartitions: { ...before?.repartitions, ...meaning.repartitions },
      ...(Object.keys(change.begins).length > 0 && { starts: change.begins }),
      ...(before?.restored !== undefined && { restored: before.restored }),
    },
    problems,
    changedTopics: Object.entries(meaning.repartitions).flatMap(([topic, now]) => {
      const known = before && ownValue(before.repartitions, topic)
      const changes = known === undefined ? [] : differences(known, now)
      return changes.length === 0 ? [] : [{ topic, changes }]
    }),
    emptied,
    obsolete,
  }
}

function problemOf(
  input: StoreInputs,
  known: CatalogStore | undefined,
  now: StoreMeaning,
  { processed, starts }: CatalogChange,
  computedFrom: CatalogStore['computedFrom'],
  others: readonly string[],
): StoreProblem | undefined {
  const { store, subtopology } = input
  const changes = known === undefined ? [] : differences(known.meaning, now)
  // A new store begins where the log begins; a store that was removed and added again continues where it was left.
  const had = known === undefined ? only(starts, input.sources) : known.removedAt
  const missed = had === null ? [] : gaps(had, only(processed, topicsOf(input)))
  const reset = (each: string) =>
    known !== undefined && ownValue(known.computedFrom, each) !== ownValue(computedFrom, each)
  const emptied = [...input.stores.filter(reset), ...(known === undefined ? [] : others)]
  if (changes.length + missed.length + emptied.length === 0) return undefined
  return { store, subtopology, changes, missed, emptied }
}

/** Whether a store is not the one that the catalog has under its name. */
function isOther(before: Catalog | undefined, { stores }: JobMeaning, name: string): boolean {
  const known = before && ownValue(before.stores, name)
  const now = ownValue(stores, name)
  return known === undefined || now === undefined || differences(known.meaning, now).length > 0
}

/** Where the job was made to begin to read its inputs. */
function beginningsOf(catalog: Pick<Catalog, 'starts' | 'restored'>): Position {
  const beginnings = Object.entries(beginningsIn(catalog))
  return Object.fromEntries(beginnings.map(([topic, { offsets }]) => [topic, offsets]))
}

function topicsOf({ sources, repartitions }: StoreInputs): string[] {
  return [...sources, ...repartitions]
}

function gaps(from: Position, to: Position): Gap[] {
  return Object.entries(to).flatMap(([topic, partitions]) =>
    Object.entries(partitions).flatMap(([partition, offset]) => {
      const had = offsetIn(from, topic, partition) ?? 0
      return offset > had ? [{ topic, partition: Number(partition), from: had, to: offset }] : []
    }),
  )
}

/** The parts of a position above 0 that belong to these topics. */
function only(position: Position, topics: readonly string[]): Position {
  const kept = dictionary<Record<string, number>>()
  for (const topic of topics) {
    for (const [partition, offset] of Object.entries(ownValue(position, topic) ?? {})) {
      if (offset > 0) kept[topic] = { ...kept[topic], [partition]: offset }
    }
  }
  return kept
}
