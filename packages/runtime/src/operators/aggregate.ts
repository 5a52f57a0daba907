import { type RecordContext, RecordError, type Serde } from '@millrace/core'
import { describeValue, type KeyValueStore } from '@millrace/core/internal'
import type { UserAdd } from './callback.ts'
import { callbackFailed, StreamOperator, type TableOperator } from './operator.ts'
import { ignoreRejection, returned } from './returned.ts'
import { storedValue } from './stored-value.ts'
import type { TotalCopier } from './total-copier.ts'

/** What an aggregate by key and one by window share: the fold itself. */
export interface Fold {
  readonly step: string
  readonly init: (() => unknown) | undefined
  readonly add: UserAdd
  readonly context: RecordContext
  /** How totals are kept. */
  readonly value: Serde<unknown>
  /** Where a record that fails must leave the total as it was. */
  readonly copier: TotalCopier | undefined
}

/**
 * The next total, as the store keeps it; throws where the callback throws or gives nothing, since a missing total would pass
 * for a deletion, and where the store cannot keep what it gives.
 */
export function foldRecord(fold: Fold, total: unknown, value: unknown, key: unknown): unknown {
  let next: unknown
  try {
    next = fold.add(totalBefore(fold, total), value, key, fold.context)
  } catch (error) {
    throw callbackFailed(fold.step, error)
  }
  if (next === undefined || next === null || next instanceof Promise) {
    ignoreRejection(next)
    throw new RecordError(
      'CALLBACK_FAILED',
      `The callback of ${fold.step} returned ${describeValue(next)}: it must return the new total`,
      {
        step: fold.step,
      },
    )
  }
  return storedValue(fold.step, fold.value, next, key)
}

function totalBefore({ step, init, copier }: Fold, total: unknown): unknown {
  if (total === undefined) return init === undefined ? undefined : returned(step, init())
  return copier === undefined ? total : copier.copy(total)
}

/** Throws where a record has no key, at a step or topic that works by key. */
export function requireKey(step: string, key: unknown): void {
  if (key !== null && key !== undefined) return
  throw new RecordError(
    'KEY_MISSING',
    `A record without a key came to ${step}, which needs one: choose it with groupBy or keyBy`,
    {
      step,
    },
  )
}

/**
 * Folds the records of each key into a total; a table. A change has the highest time of what is in the total. Tombstones end
 * here: they hold nothing to add.
 */
export class AggregateOperator extends StreamOperator {
  readonly #fold: Fold
  readonly #store: KeyValueStore<unknown, unknown>
  readonly #next: TableOperator | undefined

  constructor(fold: Fold, store: KeyValueStore<unknown, unknown>, next: TableOperator | undefined) {
    super()
    this.#fold = fold
    this.#store = store
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const entry = this.#store.find(key)
    const old = entry.value
    const total = foldRecord(this.#fold, old, value, key)
    const time = old === undefined || timestamp > entry.time ? timestamp : entry.time
    this.#store.set(entry, total, time)
    this.#next?.change(key, total, old ?? null, time)
  }
}
