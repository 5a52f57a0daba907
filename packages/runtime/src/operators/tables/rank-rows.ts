import type { Comparable, RecordContext, Serde } from '@millrace/core'
import type { KeyValueStore, Pair, RankRowsNode, ReachOfTop, Top } from '@millrace/core/internal'
import { anySerde } from '../any-serde.ts'
import { type UserCallback, userCallback } from '../callback.ts'
import { callbackFailed, type StreamOperator, TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import { rankOf, returned } from '../returned.ts'
import type { CompileStep } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
import { changeTop, type RankedRows } from './change-top.ts'
import { inOneGroup, RankPlaces } from './rank-places.ts'

export const compileRankRows: CompileStep<RankRowsNode> = (node, context) => {
  const { label, stores, top } = node
  const [rows, reach] = stores
  // The boundary at which the plan's stores get the types of what this step keeps in them.
  const ranked = {
    rows: context.sortedStore(rows) as RankedRows,
    reach: context.keyValueStore(reach) as KeyValueStore<unknown, ReachOfTop>,
  }
  const places = new RankPlaces(label, anySerde(node.groupKey), anySerde(rows.key), top.order === 'descending')
  const callbacks = {
    by: userCallback(node.by),
    group: node.group === undefined ? () => ALL : userCallback(node.group),
  }
  return () => [new RankRowsOperator(node, ranked, places, callbacks, context.record, context.streamAfter(node))]
}

/** The group of all rows of a table without groups. */
const ALL = 'all'

/** The key of a row, and its place and value; null if it is not one of the first of its group any more. */
export type RankedChange = Pair<unknown, Pair<Uint8Array, unknown>>

interface Callbacks {
  readonly by: UserCallback
  readonly group: UserCallback
}

interface Stores {
  readonly rows: RankedRows
  readonly reach: KeyValueStore<unknown, ReachOfTop>
}

/**
 * Keeps all rows in the order of their ranks, and passes on the changes of the first rows of each group. If one row takes the
 * place of another, the one that comes is passed on first: then the next step, which has the rows of all tasks, never shows a gap.
 */
class RankRowsOperator extends TableOperator {
  readonly #step: string
  readonly #value: Serde<unknown>
  readonly #top: Top
  readonly #stores: Stores
  readonly #places: RankPlaces
  readonly #callbacks: Callbacks
  readonly #context: RecordContext
  readonly #next: StreamOperator

  constructor(
    { label, stores, top }: RankRowsNode,
    ranked: Stores,
    places: RankPlaces,
    callbacks: Callbacks,
    context: RecordContext,
    next: StreamOperator,
  ) {
    super()
    this.#step = label
    this.#value = anySerde(stores[0].value)
    this.#top = top
    this.#stores = ranked
    this.#places = places
    this.#callbacks = callbacks
    this.#context = context
    this.#next = next
  }

  change(key: unknown, value: unknown, _old: unknown, timestamp: number): void {
    const { rows } = this.#stores
    const entry = rows.find(key)
    const from = entry.value?.order
    if (value === null) {
      if (from === undefined) return
      rows.set(entry, undefined)
      this.#move(key, null, from, undefined, timestamp)
      return
    }
    const row = storedValue(this.#step, this.#value, value, key)
    const place = this.#placeOf(key, row)
    // The same bytes as before are the same object, so that the store has nothing to sort.
    const to = from !== undefined && Buffer.compare(from, place) === 0 ? from : place
    rows.set(entry, { value: row, order: to })
    if (from === undefined || inOneGroup(from, to)) {
      this.#move(key, row, from, to, timestamp)
      return
    }
    this.#move(key, null, from, undefined, timestamp)
    this.#move(key, row, undefined, to, timestamp)
  }

  /** A row has moved inside its group, has come to it, or has left it. */
  #move(
    key: unknown,
    value: unknown,
    from: Uint8Array | undefined,
    to: Uint8Array | undefined,
    timestamp: number,
  ): void {
    const place = to ?? from
    if (place === undefined) return
    const { rows, reach } = this.#stores
    const group = this.#places.groupOf(place)
    const entry = reach.find(group)
    const change = changeTop(rows, this.#top.rows, entry.value, from, to)
    if (change.reach !== entry.value) reach.set(entry, change.reach)
    const { was, is, other } = change
    if (is && to !== undefined) {
      this.#send(group, { first: key, second: { first: to, second: value } }, timestamp)
      if (other !== undefined) this.#send(group, { first: other.key, second: null }, timestamp)
    } else if (was) {
      if (other !== undefined)
        this.#send(group, { first: other.key, second: { first: other.place, second: other.value } }, timestamp)
      this.#send(group, { first: key, second: null }, timestamp)
    }
  }

  #send(group: unknown, change: RankedChange, timestamp: number): void {
    this.#next.process(group, change, timestamp)
  }

  #placeOf(key: unknown, value: unknown): Uint8Array {
    const { by, group } = this.#callbacks
    let chosen: unknown
    let rank: Comparable
    try {
      chosen = returned(this.#step, group(value, key, this.#context))
      rank = rankOf(this.#step, by(value, key, this.#context))
    } catch (error) {
      throw callbackFailed(this.#step, error)
    }
    requireKey(this.#step, chosen)
    return this.#places.placeOf(chosen, rank, key)
  }
}
