import { hold } from '../invariants.ts'
import { regroupedKey } from '../regrouped-key.ts'
import type { EventRecord, Written } from './events.ts'
import { everyLateness } from './every-lateness.ts'
import { hasValue, judgedBy } from './expected-steps.ts'
import type { StepsPlan } from './steps-plan.ts'

/** Totals of ids that grow: how they must. */
interface Growth {
  readonly name: string
  /** The ids of each total in the end. */
  readonly wanted: ReadonlyMap<string, readonly string[]>
  /** Whether the ids come in that order. */
  readonly inOrder: boolean
  /** Whether each change has one more than the one before. */
  readonly byOne: boolean
  /** The totals that are not complete in the end. */
  readonly open?: ReadonlySet<string>
}

interface Change {
  readonly total: string
  readonly ids: readonly string[]
}

/**
 * Checks the totals of which each change has what the one before had, and more. `endMs`: set at the end; windows with events from then on
 * are still open.
 */
export function auditTotals(
  plan: StepsPlan,
  events: readonly EventRecord[],
  found: ReadonlyMap<string, readonly Written[]>,
  endMs: number | undefined,
): void {
  const isComplete = endMs !== undefined
  const there = events.filter(hasValue)
  const changesOf = (name: string) => (found.get(name) ?? []).map(({ key, text }) => ({ total: key, ids: idsIn(text) }))
  if (plan.daily) {
    const wanted = idsBy(there, ({ key }) => key)
    checkGrowth({ name: 'daily', wanted, inOrder: true, byOne: true }, changesOf('daily'), isComplete)
  }
  if (plan.cogrouped) {
    const wanted = idsBy(there, ({ key }) => regroupedKey(key))
    checkGrowth({ name: 'cogrouped', wanted, inOrder: false, byOne: true }, changesOf('cogrouped'), isComplete)
  }
  if (plan.every !== undefined) {
    const { size, regrouped } = plan.every
    const inTime = judgedBy(events, plan.every, everyLateness(plan.every)).inTime.filter(hasValue)
    const windowOf = ({ key, time }: EventRecord) => `${key} ${time - (time % size)}`
    const wanted = idsBy(inTime, windowOf)
    const open = inTime.filter(({ time }) => time >= (endMs ?? Number.POSITIVE_INFINITY)).map(windowOf)
    const growth = { name: 'every', wanted, inOrder: !regrouped, byOne: false, open: new Set(open) }
    const changes = (found.get('every') ?? []).map(({ key, text }) => {
      const [start, ids] = (text ?? '').split(':')
      return { total: `${key} ${start}`, ids: idsIn(ids) }
    })
    checkGrowth(growth, changes, isComplete)
  }
}

function idsIn(text: string | null | undefined): readonly string[] {
  return (text ?? '').split(' ').filter((id) => id !== '')
}

function idsBy(
  events: readonly (EventRecord & { readonly value: { readonly id: number } })[],
  totalOf: (event: EventRecord) => string,
): Map<string, readonly string[]> {
  const groups = Map.groupBy(events, totalOf)
  return new Map([...groups].map(([total, members]) => [total, members.map(({ value }) => `${value.id}`)]))
}

function checkGrowth(
  { name, wanted, inOrder, byOne, open }: Growth,
  changes: readonly Change[],
  isComplete: boolean,
): void {
  const fail = (total: string, what: string) => {
    hold('steps do what their events say', false, () => `${name}: the total ${total} ${what}`)
  }
  const latest = new Map<string, readonly string[]>()
  for (const { total, ids } of changes) {
    const before = latest.get(total) ?? []
    const right = wanted.get(total) ?? []
    const isRight = inOrder ? ids.every((id, at) => id === right[at]) : ids.every((id) => right.includes(id))
    if (!isRight || new Set(ids).size < ids.length) fail(total, `is ${ids}, and should be a part of ${right}`)
    const grows = byOne ? ids.length === before.length + 1 : ids.length > before.length
    if (!grows || before.some((id, at) => id !== ids[at])) fail(total, `was ${before}, and is ${ids}`)
    latest.set(total, ids)
  }
  if (!isComplete) return
  for (const [total, right] of wanted) {
    const ids = latest.get(total) ?? []
    if (ids.length < right.length && open?.has(total) !== true) fail(total, `is ${ids}, and should be ${right}`)
  }
}
