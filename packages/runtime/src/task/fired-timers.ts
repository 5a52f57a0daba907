/**
 * How far the timers of one clock have fired, for the checkpoint: up to the timer of this time and place. Timers that were set
 * for a place before it fired behind it, so many of them.
 */
export interface FiredTimers {
  readonly at: number
  /** The place of a timer among those of its time: both keys, encoded, as Base64. */
  readonly place: string
  readonly behind: number
  /** How many records of repartition topics the timers since the first of this time have caused. */
  readonly outputs: number
}

/** What a checkpoint holds about the timers of one step. */
export interface SavedTimers {
  readonly event: FiredTimers | null
  readonly wall: FiredTimers | null
}

/** Whether the progress of a step, in a checkpoint, is that of timers. */
export function isSavedTimers(saved: unknown): saved is SavedTimers {
  return typeof saved === 'object' && saved !== null && 'event' in saved && 'wall' in saved
}

/** Whether a step whose timers had fired up to `saved` has come there again. */
export function haveFiredAgain(now: unknown, saved: SavedTimers): boolean {
  if (!isSavedTimers(now)) return false
  return hasReached(now.event, saved.event) && hasReached(now.wall, saved.wall)
}

function hasReached(now: FiredTimers | null, saved: FiredTimers | null): boolean {
  if (saved === null) return true
  return now !== null && comparePlaces(now, saved) >= 0
}

/** The order in which timers have fired; negative if `a` came first. */
export function comparePlaces(
  a: Pick<FiredTimers, 'at' | 'place' | 'behind'>,
  b: Pick<FiredTimers, 'at' | 'place' | 'behind'>,
): number {
  if (a.at !== b.at) return a.at - b.at
  if (a.place === b.place) return a.behind - b.behind
  return Buffer.from(a.place, 'base64').compare(Buffer.from(b.place, 'base64'))
}
