import type { PlannedStore } from '@millrace/core'
import { formatPosition } from '@millrace/core'
import { ownValue } from '@millrace/core/internal'
import type { Catalog, CatalogStore } from '../catalog/catalog.ts'
import { type CatalogChange, planCatalog, type StoreProblem } from '../catalog/plan-catalog.ts'
import { problemReasons } from '../catalog/refuse-stores.ts'

/**
 * What becomes of each store, given the catalog as its topic has it (`found`), and as far as it describes the present changelog
 * (`before`). `otherSteps`: the stores whose records came through other steps until now.
 */
export function plannedStores(
  found: Catalog | undefined,
  before: Catalog | undefined,
  change: CatalogChange,
  otherSteps: ReadonlySet<string>,
): readonly PlannedStore[] {
  const { catalog, problems } = planCatalog(before, { ...change, acceptLoss: new Set() })
  const present = change.inputs.map(({ store, sources }): PlannedStore => {
    const now = { store, sources, completeFrom: ownValue(catalog.stores, store)?.completeFrom ?? {} }
    const known = before && ownValue(before.stores, store)
    const problem = problems.find((each) => each.store === store)
    if (problem !== undefined) return emptied(now, known, problem, change.acceptLoss.has(store))
    if (known !== undefined) {
      return { ...unchanged(now), fate: 'kept', reasons: keptReasons(known, otherSteps.has(store)) }
    }
    const had = found !== undefined && Object.hasOwn(found.stores, store)
    return had
      ? { ...unchanged(now), fate: 'recomputed', reasons: ['The changelog that held its content is gone'] }
      : { ...unchanged(now), fate: 'new', reasons: [] }
  })
  const left = Object.entries(before?.stores ?? {}).filter(
    ([store, { removedAt }]) => removedAt === null && !Object.hasOwn(change.meaning.stores, store),
  )
  return [...present, ...left.map(([store, known]) => leftStore(store, known))]
}

type StoreNow = Pick<PlannedStore, 'store' | 'sources' | 'completeFrom'>

function unchanged(now: StoreNow): Omit<PlannedStore, 'fate' | 'reasons'> {
  return { ...now, loses: null, acceptLoss: false, accepted: false, changes: [], missed: [] }
}

function emptied(
  now: StoreNow,
  known: CatalogStore | undefined,
  problem: StoreProblem,
  accepted: boolean,
): PlannedStore {
  const { changes, missed } = problem
  const loses = known === undefined ? 'history' : 'content'
  return {
    ...now,
    fate: 'empty',
    loses,
    acceptLoss: true,
    accepted,
    reasons: problemReasons({ ...problem, changes: [] }).map((reason) => `It ${reason}`),
    changes,
    missed,
  }
}

function keptReasons({ removedAt }: CatalogStore, hasOtherSteps: boolean): string[] {
  return [
    ...(removedAt === null ? [] : ['It was removed from the job, and none of its records was processed since then']),
    ...(hasOtherSteps ? ['What it holds was computed with the former steps before it, and stays as it is'] : []),
  ]
}

function leftStore(store: string, { topics, completeFrom }: CatalogStore): PlannedStore {
  return {
    ...unchanged({ store, sources: [], completeFrom }),
    fate: 'left',
    reasons: [
      `It misses the records that are processed from now on: once there are any of ${topics.join(' or ')}, it can only return empty`,
    ],
  }
}

/** Where a store counts from, in words. */
export function countsFrom({ completeFrom, sources }: Pick<PlannedStore, 'completeFrom' | 'sources'>): string {
  return formatPosition(completeFrom) || `the start of ${sources.map((topic) => `topic ${topic}`).join(' and ')}`
}
