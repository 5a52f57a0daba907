import type { Batch, Headers, RecordContext } from '@millrace/core'
import { NO_HEADERS } from '@millrace/core'

/**
 * The record that a task is processing: what callbacks see as their context, and what sinks copy keys from. One object for
 * the life of the task. `timestamp` is the record's event time, which the topic may take from its value.
 */
export class CurrentRecord implements RecordContext {
  timestamp = 0
  topic = ''
  partition = 0
  offset = 0
  /** How many records of repartition topics this record has caused so far. */
  outputs = 0
  /** Identifies the input in the identity of what this record causes. */
  inputId = 0
  /**
   * The watermark of the record's own source partition at this record. It travels with everything that the record causes, through
   * repartition topics too, and decides whether a record is late.
   */
  watermark = 0
  /** For the result of a call to the outside world: the record that it was for. Undefined for anything else. */
  cause: string | undefined
  /** Whether its place among others depends on when calls were done. */
  unordered = false
  #batch: Batch | undefined

  /** The cursor at the record. Only there while a record of an input is processed. */
  get batch(): Batch {
    if (this.#batch === undefined) throw new Error('No record of an input is being processed')
    return this.#batch
  }

  get headers(): Headers {
    return this.#batch?.headers() ?? NO_HEADERS
  }

  /** Takes the record at the batch's cursor. */
  take(batch: Batch, timestamp: number, watermark: number, inputId: number): void {
    this.#batch = batch
    this.cause = undefined
    this.unordered = false
    this.timestamp = timestamp
    this.topic = batch.topic
    this.partition = batch.partition
    this.offset = batch.offset
    this.watermark = watermark
    this.inputId = inputId
    this.outputs = 0
  }

  /**
   * Stands for a result that time emits, without a record. Its identity is the step's `inputId`, the time at which it was
   * due, and the number of outputs that the step's earlier results of that time have caused.
   */
  takeResult(timestamp: number, inputId: number, dueAt: number, outputs: number): void {
    this.#batch = undefined
    this.cause = undefined
    this.unordered = false
    this.timestamp = timestamp
    this.topic = ''
    this.partition = 0
    this.offset = dueAt
    this.watermark = timestamp
    this.inputId = inputId
    this.outputs = outputs
  }
}
