import type { RecordContext } from '../plan/callback.ts'
import { type FoldParts, type Folds, isFold, partsOf, type Step } from './fold.ts'
import { FoldRefusal } from './fold-refusal.ts'

type AnyParts = FoldParts<never, never, unknown>
type Results = Readonly<Record<string, unknown>>

/** Several folds as one: its totals are the list of theirs, its result has theirs by name. */
export function several<K, V, T>(folds: Folds<K, V, T>): FoldParts<K, V, T>
export function several(folds: Readonly<Record<string, unknown>>): FoldParts<never, never, Results> {
  const parts = Object.entries(folds).flatMap(([name, fold]): Part[] =>
    isFold(fold) ? [{ ...partsOf(fold), name }] : [],
  )
  const steps = parts.map(({ name, subtract }) => ({ name, step: subtract }))
  const whole: FoldParts<never, never, Results> = {
    // In an order that does not depend on how the job lists them: a total is stored by names.
    word: `{ ${parts
      .map(({ name, word }) => `${name}: ${word}`)
      .sort()
      .join(', ')} }`,
    problems: problemsOf(folds),
    init: () => parts.map(({ init }) => init()),
    add: together(parts.map(({ name, add }) => ({ name, step: add }))),
    subtract: steps.every(isStep) ? together(steps) : undefined,
    merge: (a, b) => parts.map(({ name, merge }, at) => inPart(name, () => merge(totalIn(a, at), totalIn(b, at)))),
    result: (total) => Object.fromEntries(parts.map(({ name, result }, at) => [name, result(totalIn(total, at))])),
    rest: (total, results) => {
      const rests = parts.map(({ name, rest }, at) => [name, rest(totalIn(total, at), own(results, name))] as const)
      return rests.every(([, rest]) => rest === undefined) ? undefined : Object.fromEntries(rests)
    },
    restore: (results, rest) => parts.map(({ name, restore }) => restore(own(results, name), own(rest, name))),
  }
  return Object.freeze(whole)
}

interface Part extends AnyParts {
  readonly name: string
}

interface NamedStep {
  readonly name: string
  readonly step: Step<never, never>
}

function isStep(named: { readonly name: string; readonly step: Step<never, never> | undefined }): named is NamedStep {
  return named.step !== undefined
}

function problemsOf(folds: Readonly<Record<string, unknown>>): string[] {
  const entries = Object.entries(folds)
  if (entries.length === 0) return ['no fold is given. Give at least one, such as count()']
  return entries.flatMap(([name, fold]) => {
    if (!isFold(fold)) return [`${name} is not a fold such as count()`]
    return partsOf(fold).problems.map((problem) => `${name}: ${problem}`)
  })
}

/** Each step on its own total. */
function together(steps: readonly NamedStep[]): Step<never, never> {
  return (total: unknown, value: never, key: never, context: RecordContext) => {
    const totals: unknown[] = []
    try {
      for (const { step } of steps) totals.push(step(totalIn(total, totals.length), value, key, context))
    } catch (error) {
      throw refusedIn(steps[totals.length]?.name, error)
    }
    return totals
  }
}

function inPart<T>(name: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw refusedIn(name, error)
  }
}

/** A refusal, with the name of the part that refuses. */
function refusedIn(name: string | undefined, error: unknown): unknown {
  return error instanceof FoldRefusal ? new FoldRefusal(error.code, `${name}: ${error.message}`) : error
}

/** A total of several folds is a list, which only they make. */
function totalIn(total: unknown, at: number): unknown {
  return (total as readonly unknown[])[at]
}

/** The field of an object that JSON made, whatever its name. */
function own(object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null || !Object.hasOwn(object, name)) return undefined
  return (object as Results)[name]
}
