import { regroupedKey } from '../regrouped-key.ts'
import type { Event, EventRecord, Written } from './events.ts'
import { everyLateness } from './every-lateness.ts'
import { flowed, slid } from './expected-windows.ts'
import { matchesIn } from './matches-in.ts'
import { answerTo } from './service.ts'
import { answersOf, fails, lookedUp, repeatedId } from './steps-job.ts'
import type { CallsPlan, Placed, StepsPlan } from './steps-plan.ts'
import { QUIET_MS } from './watch.ts'
import { WatchByHand } from './watch-by-hand.ts'
import { FLOWS } from './window-steps.ts'

/** What a topic must have in the end. */
export interface ExpectedTopic {
  readonly name: string
  readonly written: readonly Written[]
  /** Whether the records of each key come in this order. */
  readonly ordered: boolean
  /** Whether records have these times: those of the wall clock's timers do not. */
  readonly timed: boolean
}

/** The events that a step gets, under the keys that it gets them with, by whether they come in time for it. */
export interface Judged {
  readonly inTime: readonly EventRecord[]
  readonly late: readonly EventRecord[]
}

/**
 * What the events come to in every topic whose records they determine. `endMs`: what waits for its time has come if its time is below
 * this.
 */
export function expectedTopics(plan: StepsPlan, events: readonly EventRecord[], endMs: number): ExpectedTopic[] {
  const { watch, dedupe, countWindow, inOrder, match, calls } = plan
  const inPlace = { ordered: true, timed: true }
  const topics: ExpectedTopic[] = [{ name: 'numbered', written: numbered(events), ...inPlace }]
  if (watch !== undefined) {
    topics.push({ name: 'watched', written: watched(events, watch.ttlMs), ...inPlace })
    topics.push({ name: 'noted', written: eventsOf(events, 'a'), ...inPlace })
    topics.push({ name: 'reminded', written: eventsOf(events, 'b'), ordered: true, timed: false })
  }
  if (dedupe !== undefined) {
    const late = judged(events, dedupe).late.filter(hasValue)
    const inTime = events.filter((event) => !late.some((each) => each === event))
    if (!dedupe.regrouped) topics.push({ name: 'once', written: once(inTime, dedupe.within), ...inPlace })
    topics.push({ name: 'once-late', written: late.map(idOf), ...inPlace, ordered: !dedupe.regrouped })
  }
  if (countWindow?.regrouped === false) {
    topics.push({ name: 'counted', written: counted(events, countWindow.size), ...inPlace })
  }
  if (inOrder !== undefined) {
    const { inTime, late } = judged(events, inOrder)
    topics.push({ name: 'ordered', written: inTimeOrder(inTime, endMs).map(idOf), ...inPlace })
    topics.push({ name: 'ordered-late', written: late.map(idOf), ...inPlace, ordered: !inOrder.regrouped })
  }
  if (match !== undefined) {
    const { inTime, late } = judged(events, match)
    topics.push({ name: 'matched', written: matchesIn(match.sequence, inTimeOrder(inTime, endMs)), ...inPlace })
    topics.push({ name: 'matched-late', written: late.map(idOf), ...inPlace, ordered: !match.regrouped })
  }
  if (calls !== undefined) {
    topics.push({ name: 'answered', written: answered(events, calls), ...inPlace, ordered: calls.order === 'input' })
  }
  return [...topics, ...furtherTopics(plan, events, endMs)]
}

function furtherTopics(
  { slide, every, flow, failing }: StepsPlan,
  events: readonly EventRecord[],
  endMs: number,
): ExpectedTopic[] {
  const inPlace = { ordered: true, timed: true }
  const topics: ExpectedTopic[] = []
  if (slide !== undefined) {
    const { inTime, late } = judged(events, slide)
    const written = slid(inTimeOrder(inTime.filter(hasValue), endMs), slide.size)
    topics.push({ name: 'slid', written, ...inPlace })
    topics.push({ name: 'slid-late', written: late.filter(hasValue).map(idOf), ...inPlace, ordered: !slide.regrouped })
  }
  if (every !== undefined) {
    const late = judgedBy(events, every, everyLateness(every)).late.filter(hasValue)
    topics.push({ name: 'every-late', written: late.map(idOf), ...inPlace, ordered: !every.regrouped })
  }
  if (failing) {
    const isKept = ({ value }: EventRecord) => value === null || !fails(value)
    const letters = events.filter((event) => !isKept(event))
    topics.push({ name: 'kept', written: events.filter(isKept).map(idOf), ...inPlace })
    topics.push({ name: 'failed', written: letters.map(asItWas), ordered: true, timed: false })
  }
  const flows = flow ? FLOWS : []
  return [...topics, ...flows.map((name) => ({ name, written: flowed(events.filter(hasValue), name), ...inPlace }))]
}

/** The events in time for a step that takes them until the watermark has passed them by more than the grace, and the others. */
export function judged(events: readonly EventRecord[], plan: Placed & { readonly grace: number }): Judged {
  return judgedBy(events, plan, () => plan.grace)
}

/**
 * As `judged`, by how much the watermark may be past an event of a time: that of its source partition. A step that makes new keys leaves
 * tombstones out.
 */
export function judgedBy(
  events: readonly EventRecord[],
  { regrouped }: Placed,
  latenessOf: (time: number) => number,
): Judged {
  const watermarks = new Map<number, number>()
  const inTime: EventRecord[] = []
  const late: EventRecord[] = []
  for (const event of events) {
    const watermark = Math.max(watermarks.get(event.partition) ?? event.time, event.time)
    watermarks.set(event.partition, watermark)
    if (regrouped && event.value === null) continue
    const list = watermark > event.time + latenessOf(event.time) ? late : inTime
    list.push(regrouped ? { ...event, key: regroupedKey(event.key) } : event)
  }
  return { inTime, late }
}

export function hasValue(event: EventRecord): event is EventRecord & { readonly value: Event } {
  return event.value !== null
}

function idOf({ key, value, time }: EventRecord): Written {
  return { key, text: value === null ? null : `${value.id}`, time }
}

/** As a dead letter has it. */
function asItWas({ key, value, time }: EventRecord): Written {
  return { key, text: JSON.stringify(value), time }
}

function eventsOf(events: readonly EventRecord[], kind: Event['kind']): Written[] {
  return events.filter(({ value }) => value?.kind === kind).map(idOf)
}

/** Of equal times, in the order in which they came: two partitions have no times in common. */
function inTimeOrder(events: readonly EventRecord[], endMs: number): EventRecord[] {
  return events.filter(({ time }) => time < endMs).sort((a, b) => a.time - b.time)
}

function numbered(events: readonly EventRecord[]): Written[] {
  const numbers = new Map<number, number>()
  return events.filter(hasValue).map(({ key, value, time, partition }) => {
    const number = (numbers.get(partition) ?? 0) + 1
    numbers.set(partition, number)
    return { key, text: `${value.id} is ${number}`, time }
  })
}

function watched(events: readonly EventRecord[], ttlMs: number): Written[] {
  const parts = new Map<number, WatchByHand>()
  for (const event of events) {
    const part = parts.get(event.partition) ?? new WatchByHand({ ttlMs, quietMs: QUIET_MS })
    parts.set(event.partition, part)
    part.take(event)
  }
  return [...parts.values()].flatMap(({ emitted }) => emitted)
}

/** Each that is not near one of its key and id that has passed before it. Tombstones pass, late ones too. */
function once(events: readonly EventRecord[], within: number): Written[] {
  const passed = new Map<string, number[]>()
  return events
    .filter(({ key, value, time }) => {
      if (value === null) return true
      const id = `${key} ${repeatedId(value)}`
      const times = passed.get(id) ?? []
      passed.set(id, times)
      const isRepeat = times.some((each) => Math.abs(each - time) < within)
      if (!isRepeat) times.push(time)
      return !isRepeat
    })
    .map(idOf)
}

function counted(events: readonly EventRecord[], size: number): Written[] {
  return [...Map.groupBy(events.filter(hasValue), ({ key }) => key)].flatMap(([key, ofKey]) =>
    Array.from({ length: Math.floor(ofKey.length / size) }, (_, window) => {
      const members = ofKey.slice(window * size, (window + 1) * size)
      const text = members.map(({ value }) => value.id).join(' ')
      return { key, text, time: Math.max(...members.map(({ time }) => time)) }
    }),
  )
}

function answered(events: readonly EventRecord[], { word }: CallsPlan): Written[] {
  return events.flatMap((event): Written[] => {
    const { key, value, time } = event
    if (value === null) return word === 'flatMapAsync' ? [] : [idOf(event)]
    const answer = answerTo(word === 'joinRemote' ? lookedUp(value) : value.size)
    if (word !== 'flatMapAsync') return [{ key, text: `${value.id}: ${answer}`, time }]
    return Array.from({ length: answersOf(value) }, (_, index) => ({
      key,
      text: `${value.id}: ${answer} ${index}`,
      time,
    }))
  })
}
