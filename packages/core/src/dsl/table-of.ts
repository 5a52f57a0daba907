import type { Keyed } from './keyed.ts'
import type { AnyRowsOptions } from './rows.ts'
import type { HistoryOptions, RowsOptions } from './rows-options.ts'
import type { ReadOptions } from './start.ts'
import { stream } from './stream-of.ts'
import type { Table } from './table.ts'
import type { Topic } from './topic.ts'
import type { VersionedTable } from './versioned-table.ts'

/**
 * Reads a topic as a table: the latest value of each key, kept under a name. A record without a value deletes its row.
 *
 * ```ts
 * const airports = table(airportChanges, 'airports')
 * const complete = table(airportChanges, 'airports', { bootstrap: true })
 * const online = table(heartbeats, 'online', { ttl: '5m' })
 * const rates = table(rateChanges, 'rates', { history: '1h' })
 * ```
 */
export function table<K, V>(
  topic: Topic<K, V> & Keyed<K, unknown>,
  name: string,
  options: ReadOptions & HistoryOptions,
): VersionedTable<K, V>
export function table<K, V>(
  topic: Topic<K, V> & Keyed<K, unknown>,
  name: string,
  options?: ReadOptions & RowsOptions,
): Table<K, V>
export function table(
  topic: Topic<unknown, unknown>,
  name: string,
  options?: ReadOptions & AnyRowsOptions,
): Table<unknown, unknown> {
  return stream(topic, options).toTable(name, options)
}
