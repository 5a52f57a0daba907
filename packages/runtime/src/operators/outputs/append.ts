import { type Headers, MillraceError, type PartitionWriter, RecordError, type Serde } from '@millrace/core'
import type { UnitOfWork } from '../../task/unit-of-work.ts'

/** Counts what a task appends. */
export interface EmitCounter {
  emitted: number
}

/** What every step that appends to topics knows about itself. */
export interface Output {
  readonly step: string
  readonly value: Serde<unknown>
  /** By partition number. */
  readonly writers: readonly PartitionWriter[]
  /** Takes the records of a topic without keys: the partition with the task's own number, so that their order is kept. */
  readonly home: PartitionWriter
  readonly counter: EmitCounter
  /** Called with each writer before an append, so that the append can be undone. */
  readonly unit: UnitOfWork
}

/** Appends one record; an error that the value's serde throws becomes an error that names the step. */
export function appendTo(
  output: Output,
  writer: PartitionWriter,
  timestamp: number,
  keyBytes: Buffer | null,
  keyStart: number,
  keyEnd: number,
  value: unknown,
  headers: Headers,
): void {
  output.unit.touch(writer)
  try {
    writer.append(timestamp, keyBytes, keyStart, keyEnd, value, output.value, headers)
  } catch (cause) {
    if (cause instanceof RecordError) throw ofStep(output.step, cause)
    if (cause instanceof MillraceError) throw cause
    throw new RecordError(
      'RECORD_UNENCODABLE',
      `Step ${output.step} cannot write a value as ${output.value.name}: ${cause instanceof Error ? cause.message : cause}`,
      { step: output.step, topic: writer.topic, cause },
    )
  }
  output.counter.emitted++
}

/** The error of a record that the topic refuses, with the step that appended it. */
function ofStep(step: string, { code, message, place, cause }: RecordError): RecordError {
  return new RecordError(code, message, { ...place, step, cause })
}
