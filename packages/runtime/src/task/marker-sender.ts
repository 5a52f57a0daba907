import type { PartitionWriter, Position } from '@millrace/core'
import { NO_WATERMARK, type Progress } from './event-time.ts'
import { rawBytes } from './raw-bytes.ts'
import { MARKER_HEADER, type Marker } from './watermark-protocol.ts'

/** Reports to the tasks behind one repartition topic how far a task has come: a marker to every partition. */
export class MarkerSender {
  readonly #partition: number
  readonly #tasks: number
  readonly #time: Progress
  readonly #writers: readonly PartitionWriter[]
  #last = ''

  /** `tasks`: how many tasks send to the topic, including this one. `time`: that of the records that are sent. */
  constructor(partition: number, tasks: number, time: Progress, writers: readonly PartitionWriter[]) {
    this.#partition = partition
    this.#tasks = tasks
    this.#time = time
    this.#writers = writers
  }

  /** Sends what is new, and by which process everything is sent, if it is; sending the same again would wake the readers for nothing. */
  send(position: Position, ended?: string): void {
    const { watermark, idle } = this.#time
    const marker: Marker = {
      partition: this.#partition,
      of: this.#tasks,
      watermark: watermark === NO_WATERMARK ? null : watermark,
      idle,
      position,
      ...(ended !== undefined && { ended }),
    }
    const text = JSON.stringify(marker)
    if (text === this.#last) return
    this.#last = text
    const headers = [[MARKER_HEADER, Buffer.from(text)] as const]
    const timestamp = Math.max(0, marker.watermark ?? 0)
    for (const writer of this.#writers) writer.append(timestamp, null, 0, 0, null, rawBytes, headers)
  }
}
