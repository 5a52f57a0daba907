import type { ListState, MapState, Serde, ValueState } from '@millrace/core'
import {
  type CellPlan,
  describeValue,
  type Entry,
  type KeyPair,
  type KeyValueStore,
  type SortedStore,
  type TimedValue,
} from '@millrace/core/internal'
import { TotalCopier } from '../aggregates/total-copier.ts'
import { anySerde } from '../any-serde.ts'
import { ignoreRejection } from '../returned.ts'
import { storedValue } from '../stored-value.ts'
import type { KeyText } from '../time/key-text.ts'
import type { ProcessCall } from './call.ts'
import type { CellExpiry } from './cell-expiry.ts'

type List = readonly TimedValue<unknown>[]

/** What the handles of a step's state have in common. */
abstract class CellState<C> {
  protected readonly call: ProcessCall
  protected readonly store: Pick<KeyValueStore<unknown, C>, 'find' | 'set'>
  readonly #value: Serde<unknown>
  readonly #copier: TotalCopier
  readonly #ttlMs: number
  readonly #expiry: CellExpiry | undefined

  constructor(
    call: ProcessCall,
    plan: CellPlan,
    store: Pick<KeyValueStore<unknown, C>, 'find' | 'set'>,
    expiry: CellExpiry | undefined,
  ) {
    this.call = call
    this.store = store
    this.#value = anySerde(plan.value)
    this.#copier = new TotalCopier(this.#value)
    this.#ttlMs = plan.ttlMs ?? Number.POSITIVE_INFINITY
    this.#expiry = expiry
  }

  /** Whether what was written at a time is still there for the present call. */
  protected isThere(time: number): boolean {
    return time + this.#ttlMs > this.call.time
  }

  /** A value that the callback may change in place: the store does not notice. */
  protected copy(value: unknown): unknown {
    return this.#copier.copy(value)
  }

  /** A value as the store keeps it. */
  protected kept(value: unknown): unknown {
    if (value === undefined || value === null || value instanceof Promise) {
      ignoreRejection(value)
      throw this.call.error(`kept ${describeValue(value)}. Keep a value, or delete the one that is there`)
    }
    return storedValue(this.call.step, this.#value, value, this.call.key)
  }

  /** `time`: when the newest of it was written. */
  protected write(entry: Entry<unknown, C>, value: C, time: number): void {
    this.#expiry?.written(entry, time)
    this.store.set(entry, value, time)
  }

  protected remove(entry: Entry<unknown, C>): void {
    if (entry.value === undefined) return
    this.#expiry?.removed(entry)
    this.store.set(entry, undefined)
  }
}

/** One value of the present call's key. */
export class ValueCellState extends CellState<unknown> implements ValueState<unknown> {
  get(): unknown {
    this.call.require()
    const { value, time } = this.store.find(this.call.key)
    return value === undefined || !this.isThere(time) ? undefined : this.copy(value)
  }

  set(value: unknown): void {
    this.call.require()
    const kept = this.kept(value)
    this.write(this.store.find(this.call.key), kept, this.call.time)
  }

  delete(): void {
    this.call.require()
    this.remove(this.store.find(this.call.key))
  }
}

/** The list of the present call's key. A list in the store is never changed: another one takes its place. */
export class ListCellState extends CellState<List> implements ListState<unknown> {
  readonly #max: number

  constructor(call: ProcessCall, plan: CellPlan, store: KeyValueStore<unknown, List>, expiry: CellExpiry | undefined) {
    super(call, plan, store, expiry)
    this.#max = plan.max ?? Number.POSITIVE_INFINITY
  }

  get length(): number {
    return this.#present().length
  }

  values(): unknown[] {
    return this.#present().map(({ value }) => this.copy(value))
  }

  add(value: unknown): void {
    const present = this.#present()
    const { time } = this.call
    const list = present.slice(Math.max(0, present.length + 1 - this.#max))
    list.push({ time, value: this.kept(value) })
    const newest = list.reduce((latest, each) => Math.max(latest, each.time), time)
    this.write(this.store.find(this.call.key), list, newest)
  }

  clear(): void {
    this.call.require()
    this.remove(this.store.find(this.call.key))
  }

  #present(): List {
    this.call.require()
    const list = this.store.find(this.call.key).value ?? []
    return list.every(({ time }) => this.isThere(time)) ? list : list.filter(({ time }) => this.isThere(time))
  }
}

type MapEntry = { readonly value: unknown; readonly order: unknown }

/** The map of the present call's key. Its entries have both keys, and are in the order of the first. */
export class MapCellState extends CellState<MapEntry> implements MapState<unknown, unknown> {
  readonly #sorted: SortedStore<unknown, unknown, unknown>
  readonly #keyText: KeyText

  constructor(
    call: ProcessCall,
    plan: CellPlan,
    store: SortedStore<unknown, unknown, unknown>,
    keyText: KeyText,
    expiry: CellExpiry | undefined,
  ) {
    super(call, plan, store, expiry)
    this.#sorted = store
    this.#keyText = keyText
  }

  get(key: unknown): unknown {
    const { value, time } = this.#find(key)
    return value === undefined || !this.isThere(time) ? undefined : this.copy(value.value)
  }

  has(key: unknown): boolean {
    const { value, time } = this.#find(key)
    return value !== undefined && this.isThere(time)
  }

  set(key: unknown, value: unknown): void {
    const entry = this.#find(key)
    this.write(entry, { value: this.kept(value), order: this.call.key }, this.call.time)
  }

  delete(key: unknown): void {
    this.remove(this.#find(key))
  }

  *entries(): Generator<[unknown, unknown], void> {
    for (const { key, value, time } of this.#all()) {
      if (value === undefined || !this.isThere(time)) continue
      yield [(key as KeyPair<unknown, unknown>)[1], this.copy(value.value)]
    }
  }

  clear(): void {
    for (const entry of this.#all()) this.remove(entry)
  }

  #find(key: unknown): Entry<unknown, MapEntry> {
    this.call.require()
    if (key === undefined || key === null) throw this.call.error(`used ${describeValue(key)} as the key of a map`)
    return this.store.find([this.call.key, key])
  }

  /** The entries of the present call's key, as long as the call lasts. */
  *#all(): Generator<Entry<unknown, MapEntry>, void> {
    const { call } = this
    call.require()
    const { number } = call
    const own = this.#keyText.of(call.key)
    for (const entry of this.#sorted.inOrder({ from: call.key })) {
      if (entry.value === undefined) continue
      if (this.#keyText.of(entry.value.order) !== own) return
      yield entry
      call.require()
      if (call.number !== number) throw call.error('continued a walk over a map that another call had begun')
    }
  }
}
