import type { Sequence } from '@millrace/core'
import type { Event, EventRecord, Written } from './events.ts'
import { idsOf, SEQUENCES, type SequenceName } from './sequences.ts'

/** Every match among events in the order of their times, by trying each beginning for each end. */
export function matchesIn(name: SequenceName, events: readonly EventRecord[]): Written[] {
  const sequence: Sequence<Event, object> = SEQUENCES[name]
  return [...Map.groupBy(events, ({ key }) => key)].flatMap(([key, ofKey]) => {
    const found: Written[] = []
    let first = 0
    for (const [to, { time }] of ofKey.entries()) {
      for (let from = first; from <= to; from++) {
        const match = attempt(sequence, ofKey.slice(from, to + 1))
        if (match === undefined) continue
        found.push({ key, text: idsOf(match), time })
        first = to + 1
        break
      }
    }
    return found
  })
}

/** What a sequence takes of events, if it begins with the first and comes to its end with the last of them. */
function attempt({ steps, withinMs }: Sequence<Event, object>, events: readonly EventRecord[]): object | undefined {
  const match: Record<string, Event | readonly Event[]> = {}
  const firstMs = events[0]?.time ?? 0
  let taken = 0
  let step = 0
  for (const [at, { value, time }] of events.entries()) {
    const wanted = steps[step]
    if (wanted === undefined || time - firstMs > withinMs || (at === 0 && value === null)) return undefined
    if (value === null) continue
    const accepts = wanted.accepts as (value: Event, soFar: object) => boolean
    const without = wanted.without as ((value: Event) => boolean) | undefined
    if (accepts(value, match)) {
      match[wanted.name] = wanted.times === undefined ? value : [...listIn(match, wanted.name), value]
      if (++taken < (wanted.times ?? 1)) continue
      taken = 0
      step++
      if (step === steps.length) return at === events.length - 1 ? match : undefined
    } else if (at === 0 || wanted.strict || without?.(value)) return undefined
  }
  return undefined
}

function listIn(match: Readonly<Record<string, Event | readonly Event[]>>, name: string): readonly Event[] {
  const list = match[name]
  return Array.isArray(list) ? list : []
}
