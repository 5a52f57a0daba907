import { type Position, reaches } from '@millrace/core'
import { CombinedTime, NO_WATERMARK, type Progress } from './event-time.ts'

/**
 * What a task reports to the tasks behind a repartition topic, in a marker record: nothing that it sends after the marker
 * comes from before `watermark`, and it has sent all that its inputs held up to `position`. Markers are ordinary records
 * with neither key nor value and a header `w` (JSON): no log lets a client write control batches. Readers other than
 * Millrace skip records without key and value.
 */
export interface Marker {
  /** The sending task's partition number. */
  readonly partition: number
  /** How many tasks send to the topic. */
  readonly of: number
  /** Null before the first record. */
  readonly watermark: number | null
  /** The task expects nothing soon: its watermark does not hold anything back. */
  readonly idle: boolean
  readonly position: Position
  /**
   * In a run that closes windows: the process that has sent everything of this task. Absent otherwise. It counts while this
   * process runs the task, so that the end of one run is not taken for that of the next one.
   */
  readonly ended?: string
}

export const MARKER_HEADER = 'w'

/** One sender, by its last marker; active again with the first record that comes after it. */
class Sender implements Progress {
  marker: Marker
  idle: boolean

  constructor(marker: Marker) {
    this.marker = marker
    this.idle = marker.idle
  }

  get watermark(): number {
    return this.marker.watermark ?? NO_WATERMARK
  }
}

/** What the tasks that send to one repartition partition have reported. */
export class SendersProgress implements Progress {
  #senders: Sender[] = []
  readonly #idleAfterMs: number
  #time: CombinedTime
  #allReported = false

  /** `idleAfterMs`: see `CombinedTime`. */
  constructor(idleAfterMs: number) {
    this.#idleAfterMs = idleAfterMs
    this.#time = this.#combine()
  }

  /** The least over all senders that are not idle; unknown until every sender has reported. */
  get watermark(): number {
    return this.#time.watermark
  }

  get idle(): boolean {
    return this.#allReported && this.#time.idle
  }

  /** Whether every sender has sent everything. `ownerOf`: the process that runs a sender now. */
  haveEnded(ownerOf: (partition: number) => string | undefined): boolean {
    return (
      this.#allReported &&
      this.#senders.every(({ marker: { ended, partition } }) => ended !== undefined && ended === ownerOf(partition))
    )
  }

  /** The positions up to which the senders' inputs had been read. */
  get positions(): readonly Position[] {
    return this.#senders.map(({ marker }) => marker.position)
  }

  receive(marker: Marker): void {
    const known = this.#find(marker.partition)
    if (known === undefined) {
      this.#senders.push(new Sender(marker))
      this.#time = this.#combine()
    } else if (isNewer(marker, known)) {
      known.marker = marker
      known.idle = marker.idle
    }
    this.#allReported = this.#senders.length >= marker.of
    if (this.#allReported) this.#time.update()
  }

  /** A record of a sender came. True if the sender was idle: from now on it holds back the watermark. */
  wake(partition: number): boolean {
    const sender = this.#find(partition)
    if (sender === undefined || !sender.idle) return false
    sender.idle = false
    if (this.#allReported) this.#time.update()
    return true
  }

  save(): readonly Marker[] {
    return this.#senders.map(({ marker, idle }) => ({ ...marker, idle }))
  }

  load(markers: readonly Marker[]): void {
    this.#senders = []
    this.#time = this.#combine()
    this.#allReported = false
    for (const marker of markers) this.receive(marker)
    // A sender that was idle may have become active just before.
    this.#time.wake()
  }

  /** Takes the monotonic time, ms, for what depends on it. */
  tick(nowMs: number): void {
    if (this.#allReported) this.#time.tick(nowMs)
  }

  #combine(): CombinedTime {
    return new CombinedTime('upstream', this.#senders, this.#idleAfterMs)
  }

  #find(partition: number): Sender | undefined {
    return this.#senders.find(({ marker }) => marker.partition === partition)
  }
}

/** A task that restarted from an older checkpoint sends older markers first. */
function isNewer(marker: Marker, known: Sender): boolean {
  return (marker.watermark ?? NO_WATERMARK) >= known.watermark && reaches(marker.position, known.marker.position)
}
