import type { Event, EventRecord, Written } from './events.ts'
import { copiesOf, flowTopic } from './window-steps.ts'

/** For each time with events of a key: those of the size before it, in the order of their times. */
export function slid(inTime: readonly EventRecord[], size: number): Written[] {
  return [...Map.groupBy(inTime, ({ key }) => key)].flatMap(([key, ofKey]) => {
    const times = [...new Set(ofKey.map(({ time }) => time))]
    return times.map((time) => {
      const members = ofKey.filter((each) => each.time > time - size && each.time <= time)
      return { key, text: members.flatMap(({ value }) => value?.id ?? []).join(' '), time }
    })
  })
}

/** What the steps without state append to one of their topics. */
export function flowed(
  events: readonly (EventRecord & { readonly value: Event })[],
  name: ReturnType<typeof flowTopic>,
): Written[] {
  return events.flatMap(({ key, value, time }) => {
    if (flowTopic(key) !== name) return []
    const text = `${value.kind === 'a' ? 'first' : 'other'} ${value.id}`
    return Array.from({ length: copiesOf(value) }, () => ({ key, text, time }))
  })
}
