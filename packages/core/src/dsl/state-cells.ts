import type { Serde } from '../contracts/serde.ts'
import type { Duration } from './duration.ts'

/** What a cell of state keeps, and for how long. */
export interface CellOptions {
  /**
   * How long after its last write, by event time, a value, an element or an entry is kept. It is gone for every call whose
   * time is this much after the write, or more. Default: kept until it is deleted.
   */
  readonly ttl?: Duration
}

/** As `CellOptions`, for lists. */
export interface ListCellOptions extends CellOptions {
  /** How many elements are kept for a key: the newest. From 1 to 10 000. */
  readonly max: number
}

/** Declares one value for each key: made by `valueState`. */
export interface ValueCell<V> {
  readonly kind: 'value'
  readonly value: Serde<V>
  readonly options: CellOptions
}

/** Declares a list for each key: made by `listState`. */
export interface ListCell<V> {
  readonly kind: 'list'
  readonly value: Serde<V>
  readonly options: ListCellOptions
}

/** Declares a map for each key: made by `mapState`. */
export interface MapCell<M, V> {
  readonly kind: 'map'
  readonly key: Serde<M>
  readonly value: Serde<V>
  readonly options: CellOptions
}

/** What a step may keep for each key. */
export type StateCell = ValueCell<unknown> | ListCell<unknown> | MapCell<unknown, unknown>

/** The cells of a step, by name. A cell's store is `<step>.<cell>`. */
export type StateCells = Readonly<Record<string, StateCell>>

/**
 * One value for each key, as state of `process`.
 *
 * ```ts
 * const state = { last: valueState(json<Reading>(), { ttl: '1d' }) }
 * ```
 */
export function valueState<V>(value: Serde<V>, options: CellOptions = {}): ValueCell<V> {
  return Object.freeze({ kind: 'value', value, options })
}

/**
 * The newest values of each key, as state of `process`. A change writes the list of the key as a whole.
 *
 * ```ts
 * const state = { recent: listState(json<Reading>(), { max: 10 }) }
 * ```
 */
export function listState<V>(value: Serde<V>, options: ListCellOptions): ListCell<V> {
  return Object.freeze({ kind: 'list', value, options })
}

/**
 * Values by a second key, within each key, as state of `process`. Entries are read and written one by one: there may be
 * many.
 *
 * ```ts
 * const state = { byKind: mapState(string(), int64(), { ttl: '1d' }) }
 * ```
 */
export function mapState<M, V>(key: Serde<M>, value: Serde<V>, options: CellOptions = {}): MapCell<M, V> {
  return Object.freeze({ kind: 'map', key, value, options })
}

/** One value of the key that a call is for. Objects that it returns are copies: a change has to be set. */
export interface ValueState<V> {
  /** The value; undefined if none was set, or it has expired or was deleted. */
  get(): V | undefined
  /** Keeps a value. Throws `CALLBACK_FAILED` for null and undefined: `delete` deletes. */
  set(value: V): void
  delete(): void
}

/** The list of the key that a call is for, the oldest element first. Objects that it returns are copies. */
export interface ListState<V> {
  readonly length: number
  values(): V[]
  /** Appends an element; if there are more than `max` then, the oldest is dropped. */
  add(value: V): void
  clear(): void
}

/** The map of the key that a call is for. Objects that it returns are copies. */
export interface MapState<M, V> {
  get(key: M): V | undefined
  has(key: M): boolean
  set(key: M, value: V): void
  delete(key: M): void
  /** All entries, in the order of their keys. The cost is that of what is taken. */
  entries(): Iterable<[key: M, value: V]>
  clear(): void
}

/** How a call sees the state that a step declares. */
export type StateHandle<C> =
  C extends ValueCell<infer V>
    ? ValueState<V>
    : C extends ListCell<infer V>
      ? ListState<V>
      : C extends MapCell<infer M, infer V>
        ? MapState<M, V>
        : never
