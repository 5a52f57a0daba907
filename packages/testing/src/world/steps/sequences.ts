import { type Sequence, sequence } from '@millrace/core'
import type { Event } from './events.ts'

const is = (kind: Event['kind']) => (event: Event) => event.kind === kind

/** What is looked for. */
export const SEQUENCES = {
  'a, then b': sequence<Event>().then('a', is('a')).then('b', is('b')).within(150),
  'two a, then c': sequence<Event>().then('as', is('a'), { times: 2 }).then('c', is('c')).within(400),
  'a, then c without b': sequence<Event>()
    .then('a', is('a'))
    .then('c', is('c'), { without: is('b') })
    .within(400),
  'b, and a larger one': sequence<Event>()
    .then('b', is('b'))
    .then('larger', (event, { b }) => event.size > b.size, { strict: true })
    .within(400),
} satisfies Record<string, Sequence<Event, object>>

export type SequenceName = keyof typeof SEQUENCES

/** The ids of the events of a match, in the order of the steps. */
export function idsOf(match: object): string {
  return Object.values(match as Readonly<Record<string, Event | readonly Event[]>>)
    .flat()
    .map(({ id }) => id)
    .join(' ')
}
