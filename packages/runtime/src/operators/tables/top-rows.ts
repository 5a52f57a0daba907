import type { Ranked } from '@millrace/core'
import type { KeyPair, KeyValueStore, ReachOfTop, TopRowsNode } from '@millrace/core/internal'
import { StreamOperator, type TableOperator } from '../operator.ts'
import type { CompileStep } from '../step-context.ts'
import { changeTop, type RankedRows } from './change-top.ts'
import type { RankedChange } from './rank-rows.ts'

export const compileTopRows: CompileStep<TopRowsNode> = (node, context) => {
  // The boundary at which the plan's stores get the types of what this step keeps in them.
  const lists = context.keyValueStore(node.stores[0]) as Lists
  const candidates = context.sortedStore(node.stores[1]) as RankedRows
  return () => [new TopRowsOperator(node.top.rows, lists, candidates, context.tableAfter(node))]
}

type List = readonly Ranked<unknown, unknown>[]
type Lists = KeyValueStore<unknown, List>

/**
 * Keeps the first rows of each group, of those that the tasks have sent: the first ones of each task. What is passed on is a new
 * list at each change.
 */
class TopRowsOperator extends StreamOperator {
  readonly #size: number
  readonly #lists: Lists
  readonly #candidates: RankedRows
  readonly #next: TableOperator | undefined

  constructor(size: number, lists: Lists, candidates: RankedRows, next: TableOperator | undefined) {
    super()
    this.#size = size
    this.#lists = lists
    this.#candidates = candidates
    this.#next = next
  }

  process(group: unknown, value: unknown, timestamp: number): void {
    const { first: key, second: placed } = value as RankedChange
    const entry = this.#lists.find(group)
    const old = entry.value ?? []
    const reach = this.#reachOf(group, old)
    const candidate = this.#candidates.find([group, key])
    const from = candidate.value?.order
    const before = from === undefined ? old.length : this.#indexOf(group, old, from)
    const to = placed?.first ?? undefined
    if (from === undefined && to === undefined) return
    this.#candidates.set(candidate, to && { value: placed?.second, order: to })
    const { was, is, other } = changeTop(this.#candidates, this.#size, reach, from, to)
    if (!was && !is) return
    const list = was ? old.toSpliced(before, 1) : [...old]
    if (is && to !== undefined) {
      // The other row is the last one: it makes room.
      if (other !== undefined) list.pop()
      list.splice(this.#indexOf(group, list, to), 0, { rank: 0, key, value: placed?.second })
    } else if (other !== undefined) list.push({ rank: 0, key: keyIn(other.key), value: other.value })
    const time = old.length === 0 || timestamp > entry.time ? timestamp : entry.time
    const rows = list.length === 0 ? undefined : list.map(numbered)
    this.#lists.set(entry, rows, time)
    this.#next?.change(group, rows ?? null, old.length === 0 ? null : old, time)
  }

  #reachOf(group: unknown, list: List): ReachOfTop | undefined {
    const last = list.length === 0 ? undefined : this.#placeAt(group, list, list.length - 1)
    return last && { count: list.length, last }
  }

  /** The index in a list of the first row that is not before a place. */
  #indexOf(group: unknown, list: List, place: Uint8Array): number {
    let [low, high] = [0, list.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#placeAt(group, list, middle)
      if (other !== undefined && Buffer.compare(other, place) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #placeAt(group: unknown, list: List, index: number): Uint8Array | undefined {
    return this.#candidates.find([group, list[index]?.key]).value?.order
  }
}

function numbered(row: Ranked<unknown, unknown>, index: number): Ranked<unknown, unknown> {
  const rank = index + 1
  return row.rank === rank ? row : { ...row, rank }
}

/** The key of the row in the key of a candidate. */
function keyIn(key: unknown): unknown {
  return (key as KeyPair<unknown, unknown>)[1]
}
