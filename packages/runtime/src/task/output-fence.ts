import type { PartitionWriter } from '@millrace/core'
import { ownValue } from '@millrace/core/internal'
import type { LastSeen } from './record-identity.ts'

/**
 * How far a job had come when it was set back, by topic and partition: what it does again up to there has its outputs already.
 * It is JSON, in the job's catalog.
 */
export type Fence = Readonly<Record<string, Readonly<Record<string, FencePoint>>>>

/** How far a task had come with one of its inputs. */
export interface FencePoint {
  /** The offset of the next record that it would have processed. */
  readonly offset: number
  /** For a repartition topic: the last record that it had processed of each input of each sending task. */
  readonly seen?: readonly LastSeen[]
  /** By the name of each step with results that time emits: which it had emitted, as the step saves it. */
  readonly steps: readonly (readonly [string, unknown])[]
}

/** In the place of a partition: the same point for every partition that has no other one. */
export const EVERY_PARTITION = '*'

/** What the fences say about one input. */
export function pointsOf(fences: readonly Fence[], topic: string, partition: number): readonly FencePoint[] {
  return fences.flatMap((fence) => {
    const points = ownValue(fence, topic) ?? {}
    return ownValue(points, partition) ?? ownValue(points, EVERY_PARTITION) ?? []
  })
}

/** Keeps a task, while it does again what it had done before, from appending to topics that are not the job's own. */
export class OutputFence {
  /** Whether the present unit was done before. */
  closed = false
  /** Identifies when the job was set back last. */
  readonly id: string

  constructor(id = '') {
    this.id = id
  }

  /** The same partition, where nothing is appended while the fence is closed. */
  guard(writer: PartitionWriter): PartitionWriter {
    return new FencedWriter(writer, this)
  }
}

class FencedWriter implements PartitionWriter {
  readonly topic: string
  readonly partition: number
  readonly #writer: PartitionWriter
  readonly #fence: OutputFence

  constructor(writer: PartitionWriter, fence: OutputFence) {
    this.topic = writer.topic
    this.partition = writer.partition
    this.#writer = writer
    this.#fence = fence
  }

  get nextOffset(): number {
    return this.#writer.nextOffset
  }

  append(...record: Parameters<PartitionWriter['append']>): void {
    if (!this.#fence.closed) this.#writer.append(...record)
  }

  mark(): void {
    this.#writer.mark()
  }

  release(): void {
    this.#writer.release()
  }

  rewind(): void {
    this.#writer.rewind()
  }
}
