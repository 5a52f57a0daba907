import { json, string, topic } from '@millrace/core'
import type { FoundRecord } from '../../read-records.ts'

export const KINDS = ['a', 'b', 'c'] as const

/** Each event has its own id. */
export interface Event {
  readonly id: number
  readonly kind: (typeof KINDS)[number]
  readonly size: number
}

export const event = json<Event>()
export const EVENTS = topic('events', { key: string(), value: event })

/** What a step of the job has written: texts. */
export const textTopic = (name: string) => topic(name, { key: string(), value: string() })

export type EventRecord = FoundRecord<string, Event>

/** A record that a step writes; a text of null is a tombstone. */
export interface Written {
  readonly key: string
  readonly text: string | null
  readonly time: number
}
