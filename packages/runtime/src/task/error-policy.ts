import {
  type Batch,
  ByteWriter,
  type ErrorPolicy,
  type PartitionWriter,
  RecordError,
  type Serde,
  type TopicDescription,
} from '@millrace/core'
import { type DeadLetter, deadLetterHeaders, type FailedResult, type Topology } from '@millrace/core/internal'
import { rawBytes } from './raw-bytes.ts'
import type { RunningCounts } from './task-counts.ts'

/** The error, with the record that it is about: the first that can be read from that position is where to look. */
function located(error: RecordError, batch: Batch): RecordError {
  if (error.place.offset !== undefined) return error
  const { topic, partition, offset } = batch
  const message = `${error.message} (record at ${topic}/${partition} offset ${offset})`
  return new RecordError(error.code, message, { ...error.place, topic, partition, offset, cause: error.cause })
}

/** Where the results of time come from: the step, its error policy, and how they are written. */
export interface ResultSource {
  readonly step: string
  /** The policy of the step itself; steps behind it may have others. */
  readonly policy: ErrorPolicy
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** A result that time emitted. */
export interface EmittedResult {
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
}

/**
 * Carries out error policies: `fail` throws the error again, `skip` counts, a dead letter counts and appends the record, as it
 * was read, to a topic, with headers that hold the error and the record's source.
 */
export class ErrorPolicyHandler {
  readonly #job: Pick<Topology, 'job' | 'errors'>
  readonly #counts: RunningCounts
  readonly #deadLetters: ReadonlyMap<string, PartitionWriter>
  readonly #topics: ReadonlyMap<string, Pick<TopicDescription, 'id'>>

  /** `deadLetters`: for each dead-letter topic of the policies, where this task appends. `topics`: those that the job reads. */
  constructor(
    job: Pick<Topology, 'job' | 'errors'>,
    counts: RunningCounts,
    deadLetters: ReadonlyMap<string, PartitionWriter>,
    topics: ReadonlyMap<string, Pick<TopicDescription, 'id'>>,
  ) {
    this.#job = job
    this.#counts = counts
    this.#deadLetters = deadLetters
    this.#topics = topics
  }

  /** The record under the cursor does not decode, or has no key though its topic is read with keys. */
  refused(error: RecordError, batch: Batch): void {
    const kind = error.code === 'KEY_MISSING' ? 'keyless' : 'undecodable'
    const policy = this.#job.errors[kind]
    if (policy === 'fail') throw error
    this.#counts[kind]++
    if (policy !== 'skip') this.#sendToDeadLetters(policy.deadLetter, error, batch)
  }

  /**
   * A callback, or the encoding of its result, failed for the record under the cursor. `policy`: that of the step that failed;
   * by default the job's.
   */
  failed(error: RecordError, batch: Batch, policy: ErrorPolicy = this.#job.errors.callback): void {
    if (policy === 'fail') throw located(error, batch)
    this.#counts.failed++
    if (policy !== 'skip') this.#sendToDeadLetters(policy.deadLetter, error, batch)
  }

  /** As `failed`, for a result that time emitted: its dead letter is the result's key and value. */
  resultFailed(error: RecordError, source: ResultSource, result: EmittedResult, policy: ErrorPolicy): void {
    const { step, key, value } = source
    if (policy === 'fail') {
      const message = `${error.message} (result of ${step} for key ${keyText(key, result.key)})`
      throw new RecordError(error.code, message, { ...error.place, cause: error.cause })
    }
    this.#counts.failed++
    if (policy === 'skip') return
    const bytes = new ByteWriter(256)
    if (result.key !== null) key.encode(result.key, bytes)
    const headers = deadLetterHeaders({ ...this.#reason(error), result: failedResult(source, result.key) })
    this.#writer(policy.deadLetter).append(
      result.timestamp,
      result.key === null ? null : bytes.buffer,
      0,
      bytes.position,
      result.value,
      value,
      headers,
    )
    this.#counts.deadLettered++
  }

  #writer(topic: string): PartitionWriter {
    const writer = this.#deadLetters.get(topic)
    if (writer === undefined) throw new Error(`Dead-letter topic ${topic} was not opened`)
    return writer
  }

  #sendToDeadLetters(to: string, error: RecordError, batch: Batch): void {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, topic, partition, offset } = batch
    const value = valueStart < 0 ? null : { bytes, start: valueStart, end: valueEnd }
    const topicId = this.#topics.get(topic)?.id
    const input = { topic, ...(topicId !== undefined && { topicId }), partition, offset }
    const letter = deadLetterHeaders({ ...this.#reason(error), input })
    const headers = [...batch.headers(), ...letter]
    this.#writer(to).append(batch.timestamp, keyStart < 0 ? null : bytes, keyStart, keyEnd, value, rawBytes, headers)
    this.#counts.deadLettered++
  }

  #reason({ code, message, place: { step }, cause }: RecordError): DeadLetter {
    return {
      error: code,
      message,
      ...(cause !== undefined && { cause: String(cause) }),
      job: this.#job.job,
      ...(step !== undefined && { step }),
    }
  }
}

/** A key as JSON text. A result of a call may have none. */
function keyText(key: Serde<unknown>, of: unknown): string {
  return JSON.stringify(of === null ? null : key.toJson(of))
}

function failedResult({ step, key }: ResultSource, of: unknown): FailedResult {
  if (!key.name.startsWith('windowed(')) return { of: step, key: keyText(key, of) }
  // What the serde of windowed keys makes has both.
  const windowed = key.toJson(of) as { readonly key: unknown; readonly window: unknown }
  return { of: step, key: JSON.stringify(windowed.key), window: JSON.stringify(windowed.window) }
}
