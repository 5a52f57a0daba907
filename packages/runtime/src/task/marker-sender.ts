import type { PartitionWriter, Position } from '@millrace/core'
import { NO_WATERMARK } from './event-time.ts'
import { rawBytes } from './raw-bytes.ts'
import { MARKER_HEADER, type Marker } from './upstream.ts'

/** Tells the tasks behind a task's repartition topics how far it has come: a marker to every partition of each. */
export class MarkerSender {
  readonly #partition: number
  readonly #tasks: number
  readonly #writers: readonly PartitionWriter[]
  #last = ''

  /** `tasks`: how many tasks send to the same topics, this one included. */
  constructor(partition: number, tasks: number, writers: readonly PartitionWriter[]) {
    this.#partition = partition
    this.#tasks = tasks
    this.#writers = writers
  }

  /** Sends what is news; telling the same again would wake the readers for nothing. */
  send(watermark: number, idle: boolean, position: Position): void {
    if (this.#writers.length === 0) return
    const marker: Marker = {
      partition: this.#partition,
      of: this.#tasks,
      watermark: watermark === NO_WATERMARK ? null : watermark,
      idle,
      position,
    }
    const text = JSON.stringify(marker)
    if (text === this.#last) return
    this.#last = text
    const headers = [[MARKER_HEADER, Buffer.from(text)] as const]
    const timestamp = Math.max(0, marker.watermark ?? 0)
    for (const writer of this.#writers) writer.append(timestamp, null, 0, 0, null, rawBytes, headers)
  }
}
