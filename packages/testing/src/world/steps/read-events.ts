import { type Stream, stream, string } from '@millrace/core'
import { regroupedKey } from '../regrouped-key.ts'
import { EVENTS, type Event } from './events.ts'
import type { Placed } from './steps-plan.ts'

/** The events where a step reads them. */
export function read({ regrouped }: Placed): Stream<string, Event> {
  const events = stream(EVENTS)
  return regrouped ? events.keyBy((_, key) => regroupedKey(key), string()) : events
}

export function idText({ id }: Event): string {
  return `${id}`
}
