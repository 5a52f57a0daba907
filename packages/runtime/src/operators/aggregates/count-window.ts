import type { CountWindowNode, KeyValueStore } from '@millrace/core/internal'
import { StreamOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { CompileStep } from '../step-context.ts'
import { type Fold, foldOf, foldRecord } from './fold.ts'

export const compileCountWindow: CompileStep<CountWindowNode> = (node, context) => {
  const [totals, counts] = node.stores
  return () => [
    new CountWindowOperator(
      foldOf(node, node, context),
      resultOf(node),
      node.size,
      context.keyValueStore(totals),
      context.keyValueStore(counts) as KeyValueStore<unknown, number>,
      context.streamAfter(node),
    ),
  ]
}

/** What is passed on of a total: of ready-made folds, their results. */
function resultOf({ fold }: CountWindowNode): (total: unknown) => unknown {
  return fold === undefined ? (total) => total : fold.result
}

/**
 * Folds each `size` consecutive records of a key into a total, and passes it on under the key, with the highest time among its
 * records. Which records are together depends on the order in which they come. Tombstones end here: they hold nothing to add.
 */
class CountWindowOperator extends StreamOperator {
  readonly #fold: Fold
  readonly #result: (total: unknown) => unknown
  readonly #size: number
  readonly #totals: KeyValueStore<unknown, unknown>
  readonly #counts: KeyValueStore<unknown, number>
  readonly #next: StreamOperator

  constructor(
    fold: Fold,
    result: (total: unknown) => unknown,
    size: number,
    totals: KeyValueStore<unknown, unknown>,
    counts: KeyValueStore<unknown, number>,
    next: StreamOperator,
  ) {
    super()
    this.#fold = fold
    this.#result = result
    this.#size = size
    this.#totals = totals
    this.#counts = counts
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const [totals, counts] = [this.#totals, this.#counts]
    const entry = totals.find(key)
    const countEntry = counts.find(key)
    const old = entry.value
    const total = foldRecord(this.#fold, old, value, key)
    const time = old === undefined || timestamp > entry.time ? timestamp : entry.time
    const count = (countEntry.value ?? 0) + 1
    const isFull = count >= this.#size
    totals.set(entry, isFull ? undefined : total, time)
    counts.set(countEntry, isFull ? undefined : count)
    if (isFull) this.#next.process(key, this.#result(total), time)
  }
}
