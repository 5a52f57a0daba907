import { type RecordContext, RecordError, type Serde } from '@millrace/core'
import { type AggregateNode, describeValue } from '@millrace/core/internal'
import { anySerde } from './any-serde.ts'
import type { UserAdd, UserMerge } from './callback.ts'
import { callbackFailed } from './operator.ts'
import { ignoreRejection, returned } from './returned.ts'
import type { StepContext } from './step-context.ts'
import { storedValue } from './stored-value.ts'
import { TotalCopier } from './total-copier.ts'

/** The fold itself, which aggregates by key and aggregates by window share. */
export interface Fold {
  readonly step: string
  readonly init: (() => unknown) | undefined
  readonly add: UserAdd
  /** Undefined if totals are never merged. */
  readonly merge: UserMerge | undefined
  readonly context: RecordContext
  /** How totals are kept. */
  readonly value: Serde<unknown>
  /** Set if a failed record must leave the total as it was. */
  readonly copier: TotalCopier | undefined
}

/** The fold of an aggregate. */
export function foldOf(
  {
    label,
    init,
    add,
    merge,
    emit,
    stores,
  }: Pick<AggregateNode, 'label' | 'init' | 'add' | 'merge' | 'emit' | 'stores'>,
  { record, unit }: StepContext,
): Fold {
  const value = anySerde(stores[0].value)
  // A total that is passed on later must stay as it was until then.
  const isKept = unit.undoable || typeof emit === 'object'
  const copier = isKept ? new TotalCopier(value) : undefined
  const callbacks = { init, add: add as UserAdd, merge: merge as UserMerge | undefined }
  return { step: label, ...callbacks, context: record, value, copier }
}

/**
 * The next total, as the store keeps it. Throws if the callback throws or returns nothing, because a missing total would be
 * taken for a deletion, and if the store cannot keep what it returns.
 */
export function foldRecord(fold: Fold, total: unknown, value: unknown, key: unknown): unknown {
  let next: unknown
  try {
    next = fold.add(totalBefore(fold, total), value, key, fold.context)
  } catch (error) {
    throw callbackFailed(fold.step, error)
  }
  return keptTotal(fold, next, key)
}

/** One total of two, as the store keeps it. Throws as `foldRecord`. */
export function mergeTotals(fold: Fold, a: unknown, b: unknown, key: unknown): unknown {
  const { step, merge, context, copier } = fold
  if (merge === undefined) throw new Error(`Step ${step} has no merge`)
  let merged: unknown
  try {
    merged = copier === undefined ? merge(a, b, key, context) : merge(copier.copy(a), copier.copy(b), key, context)
  } catch (error) {
    throw callbackFailed(step, error)
  }
  return keptTotal(fold, merged, key)
}

function keptTotal(fold: Fold, next: unknown, key: unknown): unknown {
  if (next === undefined || next === null || next instanceof Promise) {
    ignoreRejection(next)
    throw new RecordError(
      'CALLBACK_FAILED',
      `The callback of ${fold.step} returned ${describeValue(next)}. It must return the new total`,
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
