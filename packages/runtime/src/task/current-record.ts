import type { Batch, Headers, RecordContext } from '@millrace/core'
import { NO_HEADERS } from '@millrace/core'

/**
 * The record that a task is processing: what callbacks see as their context, and what sinks copy keys from. One object
 * for the life of the task. `timestamp` is the record's event time, which the topic may take from its value.
 */
export class CurrentRecord implements RecordContext {
  timestamp = 0
  topic = ''
  partition = 0
  offset = 0
  /** How many records of repartition topics this record has caused so far. */
  outputs = 0
  /** Stands for the input in the identity of what this record causes. */
  inputId = 0
  #batch: Batch | undefined

  /** The cursor that stands on the record. Only there while a record of an input is processed. */
  get batch(): Batch {
    if (this.#batch === undefined) throw new Error('No record of an input is being processed')
    return this.#batch
  }

  get headers(): Headers {
    return this.#batch?.headers() ?? NO_HEADERS
  }

  /** Takes the record that the batch's cursor stands on. */
  take(batch: Batch, timestamp: number, inputId: number): void {
    this.#batch = batch
    this.timestamp = timestamp
    this.topic = batch.topic
    this.partition = batch.partition
    this.offset = batch.offset
    this.inputId = inputId
    this.outputs = 0
  }

  /** Stands for the passing of time without a record, so that what it causes has an origin of its own. */
  takeTime(watermark: number, inputId: number): void {
    this.#batch = undefined
    this.timestamp = watermark
    this.topic = ''
    this.partition = 0
    this.offset = Math.max(0, watermark)
    this.inputId = inputId
    this.outputs = 0
  }
}
