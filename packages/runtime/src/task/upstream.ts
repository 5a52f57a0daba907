import { type Position, reaches } from '@millrace/core'
import { NO_WATERMARK } from './event-time.ts'

/**
 * What a task tells the tasks behind a repartition topic, in a marker record: nothing that it sends after the marker
 * comes from before `watermark`, and it has sent all that its inputs held up to `position`. Markers are ordinary records
 * with neither key nor value and a header `w` (JSON): no log lets a client write control batches. Readers that are not
 * Millrace skip records without key and value.
 */
export interface Marker {
  /** The sending task's partition number. */
  readonly partition: number
  /** How many tasks send to the topic. */
  readonly of: number
  /** Null before the first record. */
  readonly watermark: number | null
  /** The task expects nothing soon: its watermark holds nobody back. */
  readonly idle: boolean
  readonly position: Position
}

export const MARKER_HEADER = 'w'

/** One thing that holds a watermark back. */
export interface Progress {
  readonly watermark: number
  readonly idle: boolean
}

/**
 * The watermark of several inputs together: the least of those that are not idle; where all are idle, none holds the
 * others back, and it is the greatest.
 */
export function combineWatermarks(inputs: readonly Progress[]): number {
  let least = Number.POSITIVE_INFINITY
  let greatest = NO_WATERMARK
  for (const { watermark, idle } of inputs) {
    if (!idle && watermark < least) least = watermark
    if (watermark > greatest) greatest = watermark
  }
  return least === Number.POSITIVE_INFINITY ? greatest : least
}

/** What the tasks that send to one repartition partition have said of themselves. */
export class UpstreamProgress {
  /** Least over all senders that are not idle; nothing is known before each was heard. */
  watermark = NO_WATERMARK
  idle = false
  readonly #markers: Marker[] = []

  /** What the senders' inputs had been read up to. */
  get positions(): readonly Position[] {
    return this.#markers.map((marker) => marker.position)
  }

  hear(marker: Marker): void {
    const at = this.#markers.findIndex((known) => known.partition === marker.partition)
    const known = this.#markers[at]
    if (known === undefined) this.#markers.push(marker)
    else if (isNews(marker, known)) this.#markers[at] = marker
    if (this.#markers.length < marker.of) return
    this.watermark = combineWatermarks(this.#markers.map(progressOf))
    this.idle = this.#markers.every((each) => each.idle)
  }

  save(): readonly Marker[] {
    return [...this.#markers]
  }

  load(markers: readonly Marker[]): void {
    this.#markers.length = 0
    this.watermark = NO_WATERMARK
    this.idle = false
    for (const marker of markers) this.hear(marker)
  }
}

/** A task that restarted from an older checkpoint tells old news first. */
function isNews(marker: Marker, known: Marker): boolean {
  return (
    (marker.watermark ?? NO_WATERMARK) >= (known.watermark ?? NO_WATERMARK) && reaches(marker.position, known.position)
  )
}

function progressOf(marker: Marker): Progress {
  return { watermark: marker.watermark ?? NO_WATERMARK, idle: marker.idle }
}
