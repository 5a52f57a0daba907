import { type RecordContext, RecordError, type Serde } from '@millrace/core'
import { type AggregateNode, describeValue, FoldRefusal, type StepNode, type StorePlan } from '@millrace/core/internal'
import { anySerde } from '../any-serde.ts'
import type { UserAdd, UserMerge } from '../callback.ts'
import { callbackFailed } from '../operator.ts'
import { ignoreRejection, returned } from '../returned.ts'
import type { StepContext } from '../step-context.ts'
import { storedValue } from '../stored-value.ts'
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
  /**
   * Set if the callback may change the total that it gets, and that total must stay as it was: its record may fail, or a later step
   * may look at it again.
   */
  readonly copier: TotalCopier | undefined
}

/** What a step folds its records with. */
interface FoldParts extends Pick<AggregateNode, 'label' | 'init' | 'add'> {
  readonly merge?: AggregateNode['merge']
  readonly fold?: AggregateNode['fold']
  readonly emit?: AggregateNode['emit']
  /** The first holds the totals. */
  readonly stores: readonly [StorePlan, ...StorePlan[]]
}

/** The fold of a step, from its parts. */
export function foldOf(node: StepNode, parts: FoldParts, context: StepContext): Fold {
  const { label, init, add, merge, stores, fold, emit } = parts
  const { record, unit } = context
  const value = anySerde(stores[0].value)
  // A total that is passed on later must stay as it was until then.
  const isKept = unit.undoable || context.remembered(node) || typeof emit === 'object'
  const copied = fold === undefined && isKept
  const copier = copied ? new TotalCopier(value) : undefined
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
    throw error instanceof FoldRefusal ? refused(fold.step, error) : callbackFailed(fold.step, error)
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
    throw error instanceof FoldRefusal ? mergeRefused(step, error) : callbackFailed(step, error)
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

function refused(step: string, error: FoldRefusal): RecordError {
  return new RecordError(error.code, `Step ${step} cannot add the record: ${error.message}`, { step, cause: error })
}

function mergeRefused(step: string, error: FoldRefusal): RecordError {
  return new RecordError(error.code, `Step ${step} cannot merge two totals: ${error.message}`, { step, cause: error })
}
