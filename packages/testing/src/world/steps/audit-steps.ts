import type { Log } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import { readRecords } from '../../read-records.ts'
import { viewRows } from '../../time/found.ts'
import { hold } from '../invariants.ts'
import { regroupedKey } from '../regrouped-key.ts'
import { auditTotals } from './audit-totals.ts'
import { EVENTS, type EventRecord, textTopic, type Written } from './events.ts'
import { type ExpectedTopic, expectedTopics, hasValue, judged } from './expected-steps.ts'
import type { Act } from './service.ts'
import { repeatedId, topicsOf } from './steps-job.ts'
import type { StepsPlan } from './steps-plan.ts'

/** How many differences a violation lists: one fault causes many. */
const LISTED_MAX = 5

/** What an audit finds: everything that must be there in the end, or a part of it. */
interface Extent {
  /** Set at the end: what waits for its time has come if its time is below this. */
  readonly endMs: number | undefined
}

/**
 * Compares what the steps have written, and what the service has done, with what the events come to. At any moment a part of it is
 * there, in its order; at the end all of it.
 */
export async function auditSteps(log: Log, plan: StepsPlan, acts: readonly Act[], { endMs }: Extent): Promise<void> {
  const found = new Map<string, readonly Written[]>()
  for (const name of topicsOf(plan)) found.set(name, await readTexts(log, name))
  const acted = [...acts]
  // What is read later has what these come from.
  const events = await readRecords(log, EVENTS)
  const isComplete = endMs !== undefined
  for (const topic of expectedTopics(plan, events, endMs ?? Number.POSITIVE_INFINITY)) {
    compareTopic(topic, found.get(topic.name) ?? [], isComplete)
  }
  if (plan.dedupe?.regrouped === true) checkOnce(plan.dedupe, events, found.get('once') ?? [], isComplete)
  if (plan.countWindow?.regrouped === true) {
    checkWindows(plan.countWindow.size, events, found.get('counted') ?? [], isComplete)
  }
  auditTotals(plan, events, found, endMs)
  if (plan.effect !== undefined) checkActs(events, acted, isComplete)
}

/** Compares the number of events of each key with the view of the step `watch`. */
export async function auditWatched(log: Log, container: Container): Promise<void> {
  const totals = new Map<string, number>()
  for (const { key } of (await readRecords(log, EVENTS)).filter(hasValue)) totals.set(key, (totals.get(key) ?? 0) + 1)
  const rows = await viewRows(container, 'watch.total')
  const [wanted, found] = [totals, rows].map((each) => JSON.stringify([...each].sort()))
  hold(
    'steps do what their events say',
    wanted === found,
    () => `the totals of watch are ${found}, and should be ${wanted}`,
  )
}

function compareTopic(
  { name, written, ordered, timed }: ExpectedTopic,
  found: readonly Written[],
  isComplete: boolean,
): void {
  const text = (each: Written) => `${each.text}${timed ? ` at ${each.time}` : ''}`
  const wanted = Map.groupBy(written, ({ key }) => key)
  const is = Map.groupBy(found, ({ key }) => key)
  const problems = [...new Set([...wanted.keys(), ...is.keys()])].flatMap((key) => {
    const [right, there] = [(wanted.get(key) ?? []).map(text), (is.get(key) ?? []).map(text)]
    return (ordered ? inOrderProblems : problemsInAnyOrder)(right, there, isComplete).map((each) => `${key}: ${each}`)
  })
  hold('steps do what their events say', problems.length === 0, () => {
    return `${name}: ${problems.slice(0, LISTED_MAX).join('; ')} (${problems.length} in all)`
  })
}

function inOrderProblems(wanted: readonly string[], found: readonly string[], isComplete: boolean): string[] {
  const wrong = found.findIndex((each, at) => each !== wanted[at])
  if (wrong >= 0) return [`record ${wrong} is ${found[wrong]}, and should be ${wanted[wrong]}`]
  return isComplete && found.length < wanted.length
    ? [`record ${found.length}, ${wanted[found.length]}, is missing`]
    : []
}

function problemsInAnyOrder(wanted: readonly string[], found: readonly string[], isComplete: boolean): string[] {
  const missing = [...wanted]
  const wrong = found.filter((each) => {
    const at = missing.indexOf(each)
    if (at >= 0) missing.splice(at, 1)
    return at < 0
  })
  return [
    ...wrong.map((each) => `${each} is wrong`),
    ...(isComplete ? missing.map((each) => `${each} is missing`) : []),
  ]
}

/**
 * Behind a repartition topic it depends on speed which of several repeats passes: two that pass are never near each other, and what does
 * not pass is near one that does.
 */
function checkOnce(
  plan: NonNullable<StepsPlan['dedupe']>,
  events: readonly EventRecord[],
  found: readonly Written[],
  isComplete: boolean,
): void {
  const inTime = judged(events, plan).inTime.filter(hasValue)
  const passed = new Set(found.map(({ text }) => text))
  const isThere = ({ value }: (typeof inTime)[number]) => passed.has(`${value.id}`)
  const known = inTime.filter(isThere)
  const isIn = (each: Written) =>
    known.some(({ key, value, time }) => each.key === key && each.text === `${value.id}` && each.time === time)
  const wrong = found.find((each) => !isIn(each))
  hold('steps do what their events say', wrong === undefined && passed.size === found.length, () => {
    return `once: ${found.length} have passed, ${passed.size} different ones; wrong is ${wrong?.text}`
  })
  for (const group of Map.groupBy(inTime, ({ key, value }) => `${key} ${repeatedId(value)}`).values()) {
    for (const event of group) {
      const near = group.filter(
        (each) => each !== event && isThere(each) && Math.abs(each.time - event.time) < plan.within,
      )
      const isRight = isThere(event) ? near.length === 0 : near.length > 0 || !isComplete
      hold('steps do what their events say', isRight, () => {
        return `once: ${event.value.id} has ${isThere(event) ? '' : 'not '}passed; near it are ${near.map(({ value }) => value.id)}`
      })
    }
  }
}

/** Behind a repartition topic it depends on speed which events are together in a window of so many. */
function checkWindows(
  size: number,
  events: readonly EventRecord[],
  found: readonly Written[],
  isComplete: boolean,
): void {
  const groups = Map.groupBy(events.filter(hasValue), ({ key }) => regroupedKey(key))
  for (const [key, group] of groups) {
    const windows = found.filter((each) => each.key === key)
    const left = new Map(group.map(({ value, time }) => [`${value.id}`, time]))
    for (const { text, time } of windows) {
      const times = (text ?? '').split(' ').map((id) => {
        const found = left.get(id) ?? Number.NaN
        left.delete(id)
        return found
      })
      hold('steps do what their events say', times.length === size && Math.max(...times) === time, () => {
        return `counted: the window ${text} of ${key} at ${time} has the times ${times}`
      })
    }
    hold('steps do what their events say', !isComplete || left.size < size, () => {
      return `counted: ${left.size} events of ${key} are in no window of ${size}`
    })
  }
}

/** The service has acted for each event at least once, and for those of one key first in their order. */
function checkActs(events: readonly EventRecord[], acts: readonly Act[], isComplete: boolean): void {
  const names = new Set(acts.map(({ id, idempotencyKey }) => `${id} ${idempotencyKey}`))
  const ids = new Set(acts.map(({ id }) => id))
  const keys = new Set(acts.map(({ idempotencyKey }) => idempotencyKey))
  hold('no double count', names.size === ids.size && names.size === keys.size, () => {
    return `the service knows ${ids.size} events by ${keys.size} idempotency keys: ${[...names].slice(0, LISTED_MAX)}`
  })
  const firsts = [...new Map(acts.map((act) => [act.id, act])).values()]
  const toWritten = (key: string, id: number): Written => ({ key, text: `${id}`, time: 0 })
  const written = events.filter(hasValue).map(({ key, value }) => toWritten(key, value.id))
  const topic = { name: 'acts', written, ordered: true, timed: false }
  compareTopic(
    topic,
    firsts.map(({ key, id }) => toWritten(key, id)),
    isComplete,
  )
}

async function readTexts(log: Log, name: string): Promise<Written[]> {
  return (await readRecords(log, textTopic(name))).map(({ key, value, time }) => ({ key, text: value, time }))
}
