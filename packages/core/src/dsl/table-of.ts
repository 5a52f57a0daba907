import type { Keyed } from './keyed.ts'
import type { ReadOptions } from './start.ts'
import { stream } from './stream-of.ts'
import type { Table } from './table.ts'
import type { Topic } from './topic.ts'

/**
 * Reads a topic as a table: the latest value of each key, kept under a name. A record without a value deletes its row.
 *
 * ```ts
 * const airports = table(airportChanges, 'airports')
 * const complete = table(airportChanges, 'airports', { bootstrap: true })
 * ```
 */
export function table<K, V>(topic: Topic<K, V> & Keyed<K, unknown>, name: string, options?: ReadOptions): Table<K, V>
export function table(topic: Topic<unknown, unknown>, name: string, options?: ReadOptions): Table<unknown, unknown> {
  return stream(topic, options).toTable(name)
}
