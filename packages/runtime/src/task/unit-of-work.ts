import type { PartitionWriter } from '@millrace/core'
import { policyOf, type Subtopology, type TaskState, type Topology } from '@millrace/core/internal'
import type { CurrentRecord } from './current-record.ts'
import type { RunningCounts } from './task-counts.ts'

/** What a unit changes, besides the writers that it appends to. */
export interface UnitParts {
  readonly state: Pick<TaskState, 'mark' | 'release' | 'rewind'>
  readonly record: CurrentRecord
  readonly counts: RunningCounts
}

/**
 * What one input record causes, or one result that time emits: all of it takes effect, or nothing does. `undo` restores the
 * stores, what was appended, the numbering of repartition records and the counters as they were at `begin`. What a callback
 * or an RxJS operator itself remembers does not belong to the task, and stays.
 *
 * A unit is one synchronous stretch: between `begin` and its end nothing is awaited, and no commit begins.
 */
export class UnitOfWork {
  /** Different for every unit; the same when a unit that was undone begins again. */
  number = 0
  /** Different for every beginning. */
  attempt = 0
  readonly #parts: UnitParts
  readonly #undoable: boolean
  readonly #writers: PartitionWriter[] = []
  #last: PartitionWriter | undefined
  #open = false
  #outputs = 0
  #emitted = 0
  #late = 0
  #duplicates = 0

  /** `undoable`: whether `undo` is ever needed. If a failure stops the task, it is not: nothing is committed then. */
  constructor(parts: UnitParts, undoable: boolean) {
    this.#parts = parts
    this.#undoable = undoable
  }

  get undoable(): boolean {
    return this.#undoable
  }

  /** `again`: the unit that was undone last is tried again. */
  begin(again = false): void {
    if (!again) this.number++
    this.attempt++
    if (!this.#undoable) return
    const { state, record, counts } = this.#parts
    this.#outputs = record.outputs
    this.#emitted = counts.emitted
    this.#late = counts.late
    this.#duplicates = counts.duplicates
    this.#open = true
    state.mark()
  }

  /** Called before each append of a step. */
  touch(writer: PartitionWriter): void {
    if (!this.#open || writer === this.#last) return
    this.#last = writer
    if (this.#writers.includes(writer)) return
    writer.mark()
    this.#writers.push(writer)
  }

  /** The unit is complete: what it did stays. */
  end(): void {
    if (!this.#open) return
    this.#parts.state.release()
    this.#close((writer) => writer.release())
  }

  /** The unit failed: it has had no effect. */
  undo(): void {
    if (!this.#open) return
    const { state, record, counts } = this.#parts
    state.rewind()
    this.#close((writer) => writer.rewind())
    record.outputs = this.#outputs
    counts.emitted = this.#emitted
    counts.late = this.#late
    counts.duplicates = this.#duplicates
  }

  #close(each: (writer: PartitionWriter) => void): void {
    this.#open = false
    this.#last = undefined
    for (const writer of this.#writers) each(writer)
    this.#writers.length = 0
  }
}

/** Whether a unit may have to be undone while the task continues: by policy, or to wait for a topic that a record chose. */
export function needsUndo({ errors }: Topology, { nodes }: Subtopology): boolean {
  return nodes.some(
    (node) => policyOf(node, errors.callback) !== 'fail' || (node.kind === 'sink' && 'choose' in node.topic),
  )
}
