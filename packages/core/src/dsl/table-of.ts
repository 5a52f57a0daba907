import type { Keyed } from './keyed.ts'
import type { RowsOptions } from './rows-options.ts'
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
 * const online = table(heartbeats, 'online', { ttl: '5m' })
 * ```
 */
export function table<K, V>(
  topic: Topic<K, V> & Keyed<K, unknown>,
  name: string,
  options?: ReadOptions & RowsOptions,
): Table<K, V>
export function table(
  topic: Topic<unknown, unknown>,
  name: string,
  options?: ReadOptions & RowsOptions,
): Table<unknown, unknown> {
  return stream(topic, options).toTable(name, options)
}
