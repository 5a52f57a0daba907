import {
  calendar,
  cogroup,
  type Output,
  otherwise,
  type Stream,
  sliding,
  stream,
  string,
  tumbling,
  type Windowed,
  type WindowedTable,
} from '@millrace/core'
import { regroupedKey } from '../regrouped-key.ts'
import { EVENTS, type Event, textTopic } from './events.ts'
import { idText, read } from './read-events.ts'
import type { StepsPlan } from './steps-plan.ts'

/** The topics of which a record chooses one. */
export const FLOWS = ['flowed-even', 'flowed-odd'] as const

/** A total of events: their ids, in the order in which they were added. */
const ids = {
  init: () => '',
  add: (total: string, { id }: Event) => `${total} ${id}`.trim(),
  value: string(),
}

/** How many records an event becomes in the flow. */
export function copiesOf({ size }: Event): number {
  return size % 3
}

export function flowTopic(key: string): (typeof FLOWS)[number] {
  return Number(key.slice(1)) % 2 === 0 ? 'flowed-even' : 'flowed-odd'
}

/** Windows whose totals come once, now and then, or at each change; totals of two streams; and steps without state. */
export function windowOutputs({ slide, every, daily, cogrouped, flow }: StepsPlan): Output[] {
  return [
    ...(slide === undefined
      ? []
      : outputsOf(
          'slid',
          read(slide).groupByKey().window(sliding(slide.size, slide)).aggregate('slid', ids),
          (text) => text,
        )),
    ...(every === undefined ? [] : everyOutputs(every)),
    ...(daily ? [dailyOutput()] : []),
    ...(cogrouped ? [cogroupedOutput()] : []),
    ...(flow ? [flowOutput()] : []),
  ]
}

function everyOutputs(plan: NonNullable<StepsPlan['every']>): Output[] {
  const windows = read(plan).groupByKey().window(tumbling(plan.size, plan))
  const totals = windows.aggregate('every', { ...ids, emit: { every: plan.every } })
  return outputsOf('every', totals, (text, start) => `${start}: ${text}`)
}

/** What a windowed table emits, and what came too late for it. */
function outputsOf(
  name: string,
  totals: WindowedTable<string, string, Event>,
  textOf: (total: string, start: number) => string,
): Output[] {
  return [
    byKey(totals.changes(), textOf).to(textTopic(name)),
    totals
      .late()
      .mapValues(idText, string())
      .to(textTopic(`${name}-late`)),
  ]
}

function byKey(
  changes: Stream<Windowed<string>, string>,
  textOf: (total: string, start: number) => string,
): Stream<string, string> {
  const serdes = { key: string(), value: string() }
  return changes.map((total, { key, window }) => [key, textOf(total, window.start)] as const, serdes)
}

/** All events are of one day. */
function dailyOutput(): Output {
  const days = stream(EVENTS)
    .groupByKey()
    .window(calendar('day', { timeZone: 'Europe/Zurich' }))
  return byKey(days.aggregate('daily', ids).changes(), (total) => total).to(textTopic('daily'))
}

function cogroupedOutput(): Output {
  const events = stream(EVENTS)
  const group = (some: Stream<string, Event>) => some.groupBy((_, key) => regroupedKey(key), string())
  return cogroup('cogrouped', { init: ids.init, value: ids.value })
    .add('first', group(events.filter(({ kind }) => kind === 'a')), ids.add)
    .add('second', group(events.filterNot(({ kind }) => kind === 'a')), ids.add)
    .changes()
    .to(textTopic('cogrouped'))
}

function flowOutput(): Output {
  const copies = stream(EVENTS).flatMapValues((event) => Array.from({ length: copiesOf(event) }, () => event))
  const { first, others } = copies.split({ first: ({ kind }) => kind === 'a', others: otherwise })
  return first
    .mapValues(({ id }) => `first ${id}`, string())
    .merge(others.mapValues(({ id }) => `other ${id}`, string()))
    .to((_, key) => flowTopic(key), { key: string(), value: string() })
}
