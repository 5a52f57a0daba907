import { bootMark, type Tail } from '../partition/tail.ts'

/** What the last segment of a partition must hold, going by its tail. */
export interface Required {
  /** Less is damage. What stands behind is the business of recovery, which may cut it off. */
  readonly bytes: number
  /** The offset behind it. */
  readonly nextOffset: number
}

/** Whether a tail was written in the present boot of the machine: then everything that it tells of was written. */
export function isOfBoot(tail: Tail, boot: string): boolean {
  return tail.boot === bootMark(boot)
}

/** What the segment that is appended to must hold, as recovery sees it: in another boot, only what was synced. */
export function requiredOf(tail: Tail | undefined, boot: string, base: number): Required {
  const nothing = { bytes: 0, nextOffset: base }
  if (tail === undefined) return nothing
  const { activeBase, activeBytes, nextOffset, synced } = tail
  if (isOfBoot(tail, boot)) return activeBase === base ? { bytes: activeBytes, nextOffset } : nothing
  return synced.base === base ? synced : nothing
}
