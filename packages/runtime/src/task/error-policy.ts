import { type Batch, ByteWriter, type Header, type PartitionWriter, RecordError, type Serde } from '@millrace/core'
import type { ErrorPolicies } from '@millrace/core/internal'
import { rawBytes } from './raw-bytes.ts'
import type { RunningCounts } from './task-counts.ts'

/** The error, with the record that it is about: the first that can be read from that position is where to look. */
function located(error: RecordError, batch: Batch): RecordError {
  if (error.place.offset !== undefined) return error
  const { topic, partition, offset } = batch
  const message = `${error.message} (record at ${topic}/${partition} offset ${offset})`
  return new RecordError(error.code, message, { ...error.place, topic, partition, offset, cause: error.cause })
}

/** How the results of a step are written. */
export interface ResultSource {
  readonly step: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/**
 * Carries out a job's error policies: `fail` throws the error again, `skip` counts, a dead letter counts and appends the
 * record, as it was read, to a topic, with headers that hold the error and the record's source.
 */
export class ErrorPolicyHandler {
  readonly #policies: ErrorPolicies
  readonly #counts: RunningCounts
  readonly #deadLetters: ReadonlyMap<string, PartitionWriter>

  /** `deadLetters`: for each dead-letter topic of the policies, where this task appends. */
  constructor(policies: ErrorPolicies, counts: RunningCounts, deadLetters: ReadonlyMap<string, PartitionWriter>) {
    this.#policies = policies
    this.#counts = counts
    this.#deadLetters = deadLetters
  }

  /** The record under the cursor does not decode, or has no key though its topic is read with keys. */
  refused(error: RecordError, batch: Batch): void {
    const kind = error.code === 'KEY_MISSING' ? 'keyless' : 'undecodable'
    const policy = this.#policies[kind]
    if (policy === 'fail') throw error
    this.#counts[kind]++
    if (policy !== 'skip') this.#sendToDeadLetters(policy.deadLetter, error, batch)
  }

  /** A callback, or the encoding of its result, failed for the record under the cursor. */
  failed(error: RecordError, batch: Batch): void {
    const policy = this.#policies.callback
    if (policy === 'fail') throw located(error, batch)
    this.#counts.failed++
    if (policy !== 'skip') this.#sendToDeadLetters(policy.deadLetter, error, batch)
  }

  /** As `failed`, for a result that time emitted: its dead letter is the result's key and value. */
  resultFailed(
    error: RecordError,
    { step, key, value }: ResultSource,
    k: unknown,
    v: unknown,
    timestamp: number,
  ): void {
    const policy = this.#policies.callback
    if (policy === 'fail') {
      const message = `${error.message} (result of ${step} for key ${JSON.stringify(k === null ? null : key.toJson(k))})`
      throw new RecordError(error.code, message, { ...error.place, cause: error.cause })
    }
    this.#counts.failed++
    if (policy === 'skip') return
    const bytes = new ByteWriter(256)
    if (k !== null) key.encode(k, bytes)
    const headers = [...reason(error), header('millrace.step', step)]
    const keyBytes = k === null ? null : bytes.buffer
    this.#writer(policy.deadLetter).append(timestamp, keyBytes, 0, bytes.position, v, value, headers)
    this.#counts.deadLettered++
  }

  #writer(topic: string): PartitionWriter {
    const writer = this.#deadLetters.get(topic)
    if (writer === undefined) throw new Error(`Dead-letter topic ${topic} was not opened`)
    return writer
  }

  #sendToDeadLetters(topic: string, error: RecordError, batch: Batch): void {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
    const value = valueStart < 0 ? null : { bytes, start: valueStart, end: valueEnd }
    const headers = [...batch.headers(), ...reason(error), ...placeOf(batch)]
    this.#writer(topic).append(batch.timestamp, keyStart < 0 ? null : bytes, keyStart, keyEnd, value, rawBytes, headers)
    this.#counts.deadLettered++
  }
}

function reason(error: RecordError): Header[] {
  return [header('millrace.error', error.code), header('millrace.message', error.message)]
}

function placeOf({ topic, partition, offset }: Batch): Header[] {
  return [
    header('millrace.topic', topic),
    header('millrace.partition', String(partition)),
    header('millrace.offset', String(offset)),
  ]
}

function header(name: string, text: string): Header {
  return [name, Buffer.from(text)]
}
