import type { ErrorPolicy, Serde } from '@millrace/core'
import { type Entry, type KeyValueStore, type RightUpdate, type Sorted, sameData } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { ResultSource } from '../../task/error-policy.ts'
import { type EventTime, NO_WATERMARK } from '../../task/event-time.ts'
import type { StepClock } from '../../task/step-clock.ts'
import type { ResultStep, UnitRunner } from '../../task/unit-runner.ts'
import { TableOperator } from '../operator.ts'
import type { ClockedOperator } from '../time/clocked.ts'
import type { Matches, Referring } from './foreign-pairs.ts'

/** The key of the only entry in the store of the update. */
const PRESENT = 'present'
/** After a restart, so many left rows are passed in a step that were reached before. */
const PASSED_AT_ONCE = 64

/** A left row that refers to the right row that has changed. */
type ReferringRow = Entry<unknown, Sorted<Referring, Uint8Array>>

/**
 * Takes the change of a right row to all left rows that refer to it, which may be millions: each is a unit, under the error
 * policy. They come before the next record of the task, in pieces, and commits may come between them. How far it has come is in
 * a store, so that it continues there after a restart.
 */
export class RightUpdates implements ClockedOperator {
  readonly name: string
  readonly time: EventTime
  readonly emits = true
  readonly #store: KeyValueStore<string, RightUpdate<unknown>>
  readonly #record: CurrentRecord
  readonly #clock: StepClock
  readonly #units: UnitRunner
  /** Set before the first step. */
  #results: ReachedRows | undefined
  /** The walk over the left rows, and how many of them it has passed. */
  #walk: Iterator<ReferringRow> | undefined
  #passed = 0

  constructor(
    name: string,
    time: EventTime,
    store: KeyValueStore<string, RightUpdate<unknown>>,
    record: CurrentRecord,
    clock: StepClock,
    units: UnitRunner,
  ) {
    this.name = name
    this.time = time
    this.#store = store
    this.#record = record
    this.#clock = clock
    this.#units = units
  }

  /** `source`: how a left row is written that becomes a dead letter. */
  connect(matches: Matches, source: ResultSource): void {
    this.#results = new ReachedRows(matches, source)
  }

  /** At once if there is anything to do. */
  get dueAt(): number {
    return this.#update === undefined ? Number.POSITIVE_INFINITY : NO_WATERMARK
  }

  /** A right row is about to change. One record may change several: then all left rows of the first are reached in its unit. */
  beforeChange(rightKey: unknown): void {
    const update = this.#update
    if (update === undefined || sameData(update.key, rightKey)) return
    for (let row = this.#next(update); row !== undefined; row = this.#next(update)) this.#results?.reach(row, update)
    this.#keep(undefined)
  }

  /** A right row has changed. */
  begin(key: unknown, at: number): void {
    const { watermark, inputId, offset, outputs } = this.#record
    this.#walk = undefined
    this.#keep({ key, at, watermark, inputId, offset, outputs, reached: 0 })
    this.#clock.lookSoon = true
  }

  step(): number {
    const update = this.#update
    const results = this.#results
    if (update === undefined || results === undefined) return 1
    const row = this.#next(update)
    if (row === undefined) {
      if (this.#passed >= update.reached) this.#keep(undefined)
      return 1
    }
    const record = this.#record
    // What it causes is numbered as more of what the change of the right row has caused.
    record.takeResult(update.at, update.inputId, update.offset, update.outputs)
    record.watermark = update.watermark
    try {
      results.emit(this.#units, row, update)
    } finally {
      this.#keep({ ...update, outputs: record.outputs, reached: this.#passed })
    }
    return 1
  }

  /** Everything is in the store. */
  save(): undefined {
    return undefined
  }

  resume(): void {
    this.#walk = undefined
  }

  /** The next left row; undefined at the end, and while those are passed that were reached before. */
  #next({ key, reached }: RightUpdate<unknown>): ReferringRow | undefined {
    if (this.#walk === undefined) {
      this.#walk = this.#results?.matches.referringTo(key)[Symbol.iterator]()
      this.#passed = 0
    }
    for (let count = 0; this.#passed < reached && count < PASSED_AT_ONCE; count++) {
      this.#walk?.next()
      this.#passed++
    }
    if (this.#passed < reached) return undefined
    const next = this.#walk?.next()
    if (next === undefined || next.done === true) return undefined
    this.#passed++
    return next.value
  }

  get #update(): RightUpdate<unknown> | undefined {
    return this.#store.find(PRESENT).value
  }

  #keep(update: RightUpdate<unknown> | undefined): void {
    if (update === undefined) this.#walk = undefined
    this.#store.set(this.#store.find(PRESENT), update)
  }
}

/** Joins the left rows that a change reaches, each as a result of the step. */
class ReachedRows extends TableOperator implements ResultStep {
  readonly step: string
  readonly policy: ErrorPolicy
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly finals = { outputs: 0 }
  readonly matches: Matches
  #row: ReferringRow | undefined
  #update: RightUpdate<unknown> | undefined

  constructor(matches: Matches, { step, policy, key, value }: ResultSource) {
    super()
    this.matches = matches
    this.step = step
    this.policy = policy
    this.key = key
    this.value = value
  }

  get next(): TableOperator {
    return this
  }

  /** As a separate unit. */
  emit(units: UnitRunner, row: ReferringRow, update: RightUpdate<unknown>): void {
    this.#row = row
    this.#update = update
    units.emit(this, row.key, row.value?.value.value?.value ?? null, null, update.at)
  }

  change(): void {
    if (this.#row !== undefined && this.#update !== undefined) this.reach(this.#row, this.#update)
  }

  reach({ key, value }: ReferringRow, update: RightUpdate<unknown>): void {
    if (value !== undefined) this.matches.send(key, value.value, this.matches.rights.find(update.key).value, update.at)
  }
}
