import type { KeyValueStore } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import { IDENTITY_HEADER, readOffset } from '../../task/record-identity.ts'
import type { StepContext } from '../step-context.ts'

/** The key of the only entry in the store of the progress. */
const PROGRESS = 'progress'

/** What the store of a step's progress holds. */
export interface RecordProgress {
  /** How many records have come to the step: the number of the next one. */
  readonly taken: number
  /** By source: the place in it of the last record that came to the step because of it, and how many have come because of that place. */
  readonly last: Readonly<Record<string, readonly [place: string, count: number]>>
}

/** Which record it is, among all that come to a step. */
export interface RecordId {
  readonly number: number
  readonly origin: string
  readonly index: number
}

const NONE: RecordProgress = { taken: 0, last: {} }

/**
 * Numbers the records that come to a step, and identifies each by what has caused it: a place in a source, and a number among the
 * records that the place has caused. The identity depends on the data alone, and not on when the job reads it or after which
 * crash; the number is the task's. Both are state: a record that is undone takes nothing.
 */
export class RecordIds {
  readonly #store: KeyValueStore<string, RecordProgress>
  readonly #context: Pick<StepContext, 'record' | 'partition' | 'isRepartition'>

  constructor(
    store: KeyValueStore<string, RecordProgress>,
    context: Pick<StepContext, 'record' | 'partition' | 'isRepartition'>,
  ) {
    this.#store = store
    this.#context = context
  }

  /** How many records have come. */
  get taken(): number {
    return (this.#store.find(PROGRESS).value ?? NONE).taken
  }

  /** The number and the identity of a record that comes now. */
  take(): RecordId {
    const entry = this.#store.find(PROGRESS)
    const { taken, last } = entry.value ?? NONE
    const { record } = this.#context
    const [source, place] = this.#placeOf(record)
    const known = last[source]
    const index = known !== undefined && known[0] === place ? known[1] : 0
    this.#store.set(entry, { taken: taken + 1, last: { ...last, [source]: [place, index + 1] } })
    return { number: taken, origin: record.cause ?? `${source}/${place}`, index }
  }

  /** What causes the present record, and where that is in what it comes from. */
  #placeOf(record: CurrentRecord): readonly [source: string, place: string] {
    const { cause, inputId, topic, offset } = record
    const { partition } = this.#context
    if (cause !== undefined) return [`${inputId}`, cause]
    // A result that time emits, of this task.
    if (topic === '') return [`${inputId}/${partition}`, `${offset}`]
    const { batch } = record
    // Records of a repartition topic have other offsets when they are sent again: they are known by where they come from.
    if (!this.#context.isRepartition(topic) || !batch.findHeader(IDENTITY_HEADER))
      return [`${topic}/${record.partition}`, `${offset}`]
    const { bytes, headerStart } = batch
    const [sender, input] = [bytes.readUInt32BE(headerStart), bytes.readUInt32BE(headerStart + 4)]
    return [`${input}/${sender}`, `${readOffset(bytes, headerStart)}.${bytes.readUInt32BE(headerStart + 16)}`]
  }
}
